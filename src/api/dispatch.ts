/**
 * One request, from its head to its answer. In this order: is there such an operation, who asks, may they, is it well
 * formed, is it written down, then it is done. What is not well formed never reaches an operation.
 */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { z } from "zod";
import type { GodwitError } from "../base/errors.ts";
import { mayActAs } from "../ports/access.ts";
import { readBody } from "./body.ts";
import { type FieldProblem, fieldProblems, invalid, problemAnswer, Refusal } from "./problem.ts";
import { type Api, type Call, type Caller, changes, isMadeOnTheWay, type Reply, type Route, shapeOf } from "./route.ts";
import { Router } from "./router.ts";
import { callerOf } from "./tokens.ts";

export interface DispatchOptions {
  readonly api: Api;
  readonly routes: readonly Route[];
  /** `open`: whoever reaches the server is an admin. Only for servers that this machine alone can reach. */
  readonly auth: "tokens" | "open";
}

export interface Request {
  readonly incoming: IncomingMessage;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

export interface Answered extends Reply<unknown> {
  readonly status: number;
  readonly route: Route;
}

const auditTextMax = 4_096;

/** Whoever reaches a server without tokens. */
const anybody: Caller = { tokenId: null, actor: "anybody on this machine", role: "admin" };

export class Dispatcher {
  readonly #options: DispatchOptions;
  readonly #router: Router;

  constructor(options: DispatchOptions) {
    this.#options = options;
    this.#router = new Router(options.routes);
  }

  /** @throws GodwitError that `problemAnswer` tells */
  async answer(request: Request): Promise<Answered> {
    const { incoming } = request;
    const { path, query } = addressOf(incoming.url ?? "/");
    const match = this.#router.match(incoming.method ?? "GET", path);
    if (match.route === null) throw noRoute(path, match.methods);
    const { route } = match;
    if (this.#options.auth === "open") refuseOtherHosts(incoming.headers);
    const caller = route.role === null ? anybody : await this.#caller(incoming);
    if (route.role !== null && !mayActAs(caller.role, route.role)) {
      const error = notAllowed(route, caller);
      if (changes(route)) await this.#audited(request, { route, caller, call: null }, () => Promise.reject(error));
      throw error;
    }
    const body = await readBody(incoming, route);
    const call: Call<unknown, unknown, unknown> = {
      api: this.#options.api,
      ...parsed(route, { params: match.params, query, body }),
      caller,
      idempotencyKey: route.isKeyed === true ? keyOf(incoming) : null,
      stillAllowed: async () => {
        if (route.role !== null) await this.#caller(incoming);
      },
      signal: request.signal,
    };
    const answer = (): Promise<Answered> => answered(route, call);
    return changes(route) ? this.#audited(request, { route, caller, call }, answer) : answer();
  }

  #caller({ headers }: IncomingMessage): Promise<Caller> {
    const { auth, api } = this.#options;
    return auth === "open" ? Promise.resolve(anybody) : callerOf(api.access, headers.authorization);
  }

  async #audited(request: Request, about: Audited, work: () => Promise<Answered>): Promise<Answered> {
    const { access } = this.#options.api;
    const { route, caller, call } = about;
    const params = (call?.params ?? {}) as Readonly<Record<string, string>>;
    const id = await access.beginAudit({
      requestId: request.requestId,
      tokenId: caller.tokenId,
      actor: caller.actor,
      role: caller.role,
      action: route.id,
      jobId: params["job_id"] ?? null,
      detail: JSON.stringify({ ...params, ...(call?.body as object | undefined) })
        .slice(0, auditTextMax)
        .toWellFormed(),
      remote: request.incoming.socket.remoteAddress ?? "",
    });
    try {
      const answer = await work();
      const made = (answer.body as { readonly job_id?: string }).job_id ?? null;
      await access.endAudit(id, answer.status, made);
      return answer;
    } catch (error) {
      await access.endAudit(id, statusOf(error), null);
      throw error;
    }
  }
}

interface Audited {
  readonly route: Route;
  readonly caller: Caller;
  /** Null for what was not allowed. */
  readonly call: Call<unknown, unknown, unknown> | null;
}

/** As `problemAnswer` has it, which needs the request too. */
function statusOf(error: unknown): number {
  return problemAnswer(error, "").status;
}

async function answered(route: Route, call: Call<unknown, unknown, unknown>): Promise<Answered> {
  const reply = await route.handle(call);
  // Keys that are numbers stand in their order: the lowest first.
  const status = reply.status ?? Number(Object.keys(route.statuses)[0]);
  const body = isMadeOnTheWay(route) ? reply.body : route.answer.parse(reply.body);
  return { ...reply, body, status, route };
}

interface Given {
  readonly params: unknown;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

function parsed(route: Route, given: Given): { params: unknown; query: unknown; body: unknown } {
  const problems: FieldProblem[] = [];
  const parse = (shape: z.ZodType, value: unknown, where: string): unknown => {
    const result = shape.safeParse(value);
    if (!result.success) problems.push(...fieldProblems(result.error, where));
    return result.data;
  };
  const names = [...given.query.keys()];
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) problems.push({ field: `query ${twice}`, detail: "is given more than once" });
  const params = parse(shapeOf(route.params), given.params, "path");
  const query = parse(shapeOf(route.query), Object.fromEntries(given.query), "query");
  const hasNoBody = route.body === null && given.body === undefined;
  const body = hasNoBody ? {} : parse(shapeOf(route.body), given.body, "");
  if (problems.length > 0) throw invalid(problems);
  return { params, query, body };
}

/** Also of an address with a host in front, as proxies send it. */
function addressOf(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const rest = url.replace(/^https?:\/\/[^/?#]*/i, "");
  const at = rest.indexOf("?");
  if (at < 0) return { path: rest, query: new URLSearchParams() };
  return { path: rest.slice(0, at), query: new URLSearchParams(rest.slice(at + 1)) };
}

function keyOf({ headers }: IncomingMessage): string | null {
  const key = headers["idempotency-key"];
  return typeof key === "string" ? key : null;
}

const thisMachine = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/**
 * Without tokens, a browser on this machine could be made to ask by a page from elsewhere: under a name that leads to
 * this machine (then `Host` has that name), or from its own address (then `Origin` has that one).
 */
function refuseOtherHosts({ host, origin }: IncomingHttpHeaders): void {
  const isFromHere = origin === undefined || thisMachine.test(origin.replace(/^https?:\/\//i, ""));
  const field = thisMachine.test(host ?? "") ? (isFromHere ? null : "header Origin") : "header Host";
  if (field === null) return;
  const detail = "names another host than this machine";
  throw new Refusal("request_invalid", {
    status: 421,
    what: `${field}: ${detail}`,
    hint: "A server without tokens answers only to localhost and its addresses.",
    fields: [{ field, detail }],
  });
}

function noRoute(path: string, methods: readonly string[]): GodwitError {
  const hint = "GET /docs lists what there is.";
  if (methods.length === 0)
    return new Refusal("route_unknown", { status: 404, what: `there is nothing at ${path.slice(0, 200)}`, hint });
  const allow = methods.join(", ");
  const what = `${path.slice(0, 200)} takes ${allow}`;
  return new Refusal("method_unknown", { status: 405, what, hint, headers: { allow } });
}

function notAllowed({ id, role }: Route, caller: Caller): GodwitError {
  return new Refusal("role_insufficient", {
    status: 403,
    what: `${id} is for the role ${role}, and this token has the role ${caller.role}`,
    hint: "Ask an admin for another token.",
  });
}
