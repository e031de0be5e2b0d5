/** A real server over a real store. Every answer is held to the document that the server itself serves. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import { expect, onTestFinished } from "vitest";
import type { OpenApiDocument } from "../../src/api/openapi.ts";
import { type ApiServer, listen, type ListenOptions } from "../../src/api/server.ts";
import { firstAdminToken, makeToken } from "../../src/api/tokens.ts";
import { reportSigner } from "../../src/cli/report-signer.ts";
import { systemClock } from "../../src/platform/clock.ts";
import type { Role } from "../../src/ports/access.ts";
import { jobIds } from "../../src/store/job-id.ts";
import { openSqliteState } from "../../src/store/sqlite/open.ts";
import type { State } from "../../src/store/state.ts";
import { tempDir } from "../testbed/temp-dir.ts";

export interface ApiPlace {
  readonly dir: string;
  readonly state: State;
  readonly server: ApiServer;
  readonly tokens: Readonly<Record<Role, string>>;
  readonly document: OpenApiDocument;
  /** What the server told its log. */
  readonly errors: unknown[];
  /** As an operator, unless another token is given; the answer is checked against the document. */
  ask(method: string, path: string, request?: Asked): Promise<Told>;
}

export interface Asked {
  readonly body?: unknown;
  /** Null: none. */
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Told {
  readonly status: number;
  readonly headers: Headers;
  /** Its shape was checked; a test names what it expects in it. */
  readonly body: Readonly<Record<string, unknown>>;
}

export function openState(dir: string): Promise<State> {
  return openSqliteState({
    path: join(dir, "state", "server.db"),
    clock: systemClock,
    newJobId: jobIds(Math.random),
  });
}

export type ApiPlaceOptions = Partial<
  Pick<ListenOptions, "allowLists" | "auth" | "host" | "tls" | "onCancelled" | "clock">
> & {
  readonly state?: State;
};

export const noLists = { sources: null, targets: null, s3Endpoints: null };

export async function apiPlace(options: ApiPlaceOptions = {}): Promise<ApiPlace> {
  const dir = tempDir("api");
  const state = options.state ?? (await openState(dir));
  const errors: unknown[] = [];
  const server = await listen({
    store: state.store,
    access: state.access,
    overview: state.overview,
    budget: state.budget,
    signers: state.signers,
    signingKey: reportSigner({ signers: state.signers, keyFile: null, state: join(dir, "keys") }),
    clock: systemClock,
    randomBytes,
    version: "0.0.0-test",
    metrics: async () => "# none\n",
    host: "127.0.0.1",
    port: 0,
    tls: null,
    auth: "tokens",
    allowLists: noLists,
    onError: (error) => errors.push(error),
    ...options,
  });
  const tokens = {
    admin: (await firstAdminToken(state.access, randomBytes)) ?? (await tokenOf(state, "admin")),
    ...(await others(state)),
  };
  onTestFinished(async () => {
    await server.close();
    if (options.state === undefined) await state.store[Symbol.asyncDispose]();
  });
  const fetched =
    options.tls === undefined || options.tls === null ? await fetch(`${server.address}/openapi.json`) : null;
  const document = (fetched === null ? { paths: {}, components: {} } : await fetched.json()) as OpenApiDocument;
  const checker = new AnswerChecker(document);
  return {
    dir,
    state,
    server,
    tokens,
    document,
    errors,
    ask: async (method, path, asked = {}) => {
      const token = asked.token === undefined ? tokens.operator : asked.token;
      const answer = await fetch(`${server.address}${path}`, {
        method,
        headers: {
          ...(token !== null && { authorization: `Bearer ${token}` }),
          ...(asked.body !== undefined && { "content-type": "application/json" }),
          ...asked.headers,
        },
        ...(asked.body !== undefined && {
          body: typeof asked.body === "string" ? asked.body : JSON.stringify(asked.body),
        }),
      });
      const text = await answer.text();
      checker.check({ method, path, status: answer.status, media: mediaOf(answer.headers), text });
      const isJson = mediaOf(answer.headers).endsWith("json") && text !== "";
      return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : { text } };
    },
  };
}

async function others(state: State): Promise<Record<"viewer" | "operator", string>> {
  return { viewer: await tokenOf(state, "viewer"), operator: await tokenOf(state, "operator") };
}

async function tokenOf({ access }: State, role: Role): Promise<string> {
  const { token } = await makeToken(access, randomBytes, { name: role, role, expiresAt: null, createdBy: null });
  return token;
}

function mediaOf(headers: Headers): string {
  return headers.get("content-type")?.split(";")[0] ?? "";
}

export interface GivenAnswer {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly media: string;
  readonly text: string;
}

/** Holds answers to the served document. */
export class AnswerChecker {
  readonly #document: OpenApiDocument;
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
  readonly #checks = new Map<string, ValidateFunction>();

  constructor(document: OpenApiDocument) {
    this.#document = document;
    this.#ajv.addSchema({ $id: "doc", components: document.components });
  }

  check({ method, path, status, media, text }: GivenAnswer): void {
    const operation = this.#operation(method, path);
    const told = `${method} ${path} ${status} ${media} ${text.slice(0, 500)}`;
    const answer = operation?.responses[String(status)] ?? operation?.responses["default"];
    // What is no operation is answered like every other problem.
    const content = answer?.content ?? {
      "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
    };
    expect(Object.keys(content), told).toContain(media);
    if (method === "HEAD" || !media.endsWith("json")) return;
    const key = `${method} ${path} ${status}`;
    const schema = JSON.parse(JSON.stringify(content[media]?.schema ?? false).replaceAll('"#/', '"doc#/')) as object;
    const check = this.#checks.get(key) ?? this.#ajv.compile(schema);
    this.#checks.set(key, check);
    check(JSON.parse(text));
    expect(check.errors ?? [], told).toEqual([]);
  }

  #operation(method: string, path: string) {
    const [asked = ""] = path.split("?");
    const wanted = method === "HEAD" ? "get" : method.toLowerCase();
    const found = Object.entries(this.#document.paths)
      .filter(([template]) => new RegExp(`^${template.replaceAll(/\{[^}]+\}/g, "[^/]*")}$`).test(asked))
      .toSorted(([a], [b]) => a.split("{").length - b.split("{").length)
      .find(([, methods]) => methods[wanted] !== undefined);
    return found?.[1][wanted];
  }
}
