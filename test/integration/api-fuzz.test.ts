/** Whatever is sent, no answer is a failure of the server, and each that is no success is a problem document. */
import { connect } from "node:net";
import { request } from "node:http";
import fc from "fast-check";
import { expect, test } from "vitest";
import { started, chunk, item } from "../conformance/store-player.ts";
import { AnswerChecker, type ApiPlace, apiPlace } from "./api-place.ts";

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | null;
}

interface Got {
  readonly status: number;
  readonly media: string;
  readonly text: string;
}

/** As it stands: nothing is made well on its way, as `fetch` would. */
function send({ server }: ApiPlace, { method, path, headers, body }: Sent): Promise<Got> {
  const { hostname, port } = new URL(server.address);
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { "content-length": Buffer.byteLength(body) };
    const asked = request({ hostname, port, method, path, headers: { ...headers, ...length }, agent: false });
    asked.on("error", reject);
    asked.on("response", (answer) => {
      const media = (answer.headers["content-type"] ?? "").split(";")[0] ?? "";
      const parts: Buffer[] = [];
      answer.on("data", (part: Buffer) => {
        parts.push(part);
        // A stream has no end of its own.
        if (media === "text/event-stream") answer.destroy();
      });
      answer.on("error", () => undefined);
      answer.on("close", () =>
        resolve({ status: answer.statusCode ?? 0, media, text: Buffer.concat(parts).toString("utf8") }),
      );
    });
    asked.end(body ?? undefined);
  });
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];

/** Some that mean something to the server, some that mean nothing to anybody. */
const words = fc.oneof(
  fc.constantFrom(
    "pause",
    "id",
    "..",
    ".",
    "%00",
    "%ff",
    "%2f",
    "%",
    "null",
    "__proto__",
    "constructor",
    "a".repeat(300),
  ),
  fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);

const likely = { source_path: "/a/b", target_path: "/c/d", name: "n", role: "viewer" };

function bodies(names: readonly string[]): fc.Arbitrary<Buffer | string | null> {
  const strange = fc.oneof(
    fc.jsonValue({ maxDepth: 3 }),
    fc.constantFrom<unknown>(
      "\u0000",
      "\ud800",
      "/a\u0000b",
      "/../..",
      "s3://b/%",
      "file://h:x/y",
      1e308,
      -1,
      0,
      [],
      {},
      null,
    ),
    fc.string({ unit: "binary", maxLength: 30 }),
  );
  const known = fc.dictionary(fc.constantFrom(...names), strange, { maxKeys: 6 });
  return fc.oneof(
    { weight: 6, arbitrary: known.map((value) => JSON.stringify(value)) },
    // As it should be, but for one or two things.
    { weight: 4, arbitrary: known.map((value) => JSON.stringify({ ...likely, ...value })) },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constantFrom("", "{", "[".repeat(5_000), '{"__proto__":{"x":1}}', "\ufeff{}") },
    { weight: 2, arbitrary: fc.constant(null) },
  );
}

test("whatever is sent, the server does not fail, and every refusal is a problem document", async () => {
  const place = await apiPlace();
  const { jobId } = await started(place.state.store, [chunk("pack", [item("a", 10)])]);
  const checker = new AnswerChecker(place.document);
  const templates = [...Object.keys(place.document.paths), "/", "//", "/migrations/", "/migrations/{job_id}/x"];
  const fields = Object.values(place.document.components.schemas).flatMap((schema) =>
    Object.keys((schema["properties"] as object | undefined) ?? {}),
  );
  const paths = fc
    .tuple(fc.constantFrom(...templates), fc.oneof({ weight: 3, arbitrary: fc.constant(jobId) }, words))
    .map(([template, word]) => template.replaceAll(/\{[^}]+\}/g, () => word));
  const query = fc.array(
    fc.tuple(
      fc.constantFrom("limit", "cursor", "state", "status", "buckets", "x"),
      fc.oneof(words, fc.constantFrom("1", "0", "-1", "1e9", "pending", "WzFd", "WzEsMl0")),
    ),
    { maxLength: 2 },
  );
  const requests: fc.Arbitrary<Sent> = fc
    .record({
      method: fc.constantFrom(...methods),
      path: paths,
      query,
      token: fc.constantFrom(
        place.tokens.admin,
        place.tokens.admin,
        place.tokens.operator,
        place.tokens.viewer,
        "no",
        null,
      ),
      type: fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", ""),
      key: fc.option(fc.stringMatching(/^[\x20-\x7e]{0,300}$/), { nil: null, freq: 3 }),
      body: bodies([...new Set(fields)]),
    })
    .map((parts) => {
      const search = parts.query.map(([name, value]) => `${name}=${value}`).join("&");
      return {
        method: parts.method,
        path: `${parts.path}${search === "" ? "" : `?${search}`}`,
        headers: {
          ...(parts.token !== null && { authorization: `Bearer ${parts.token}` }),
          ...(parts.type !== "" && { "content-type": parts.type }),
          ...(parts.key !== null && { "idempotency-key": parts.key }),
        },
        body: parts.body,
      };
    });
  const statuses = new Map<number, number>();
  await fc.assert(
    fc.asyncProperty(requests, async (sent) => {
      const got = await send(place, sent);
      statuses.set(got.status, (statuses.get(got.status) ?? 0) + 1);
      const told = `${JSON.stringify(sent).slice(0, 400)} -> ${got.status} ${got.text.slice(0, 300)}`;
      expect(got.status, told).toBeLessThan(500);
      expect(got.status, told).toBeGreaterThanOrEqual(200);
      expect(got.media === "application/problem+json", told).toBe(got.status >= 300);
      checker.check({ method: sent.method, path: sent.path, ...got });
    }),
    { numRuns: 3_000, endOnFailure: true },
  );
  expect(place.errors).toEqual([]);
  // It went further than the door.
  for (const status of [200, 401, 403, 404, 405, 422])
    expect(statuses.get(status) ?? 0, String(status)).toBeGreaterThan(10);
}, 240_000);

test("what is no HTTP is answered as a problem, and the server goes on", async () => {
  const place = await apiPlace();
  const { port } = new URL(place.server.address);
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(
        fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        fc
          .constantFrom(
            "GET / HTTP/9\r\n\r\n",
            "GET\r\n\r\n",
            "POST /migrations HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
          )
          .map((text) => Buffer.from(text)),
      ),
      async (bytes) => {
        const text = await new Promise<string>((resolve) => {
          const socket = connect(Number(port), "127.0.0.1");
          let got = "";
          socket.on("data", (part) => {
            got += part.toString("latin1");
          });
          socket.on("error", () => undefined);
          socket.on("close", () => resolve(got));
          socket.end(Buffer.concat([bytes, Buffer.from("\r\n\r\n")]));
        });
        // Closed without a word, where there was nothing that could be answered.
        expect(text).toMatch(/^$|^HTTP\/1\.1 4\d\d [\s\S]*application\/problem\+json/);
      },
    ),
    { numRuns: 150 },
  );
  expect((await place.ask("GET", "/healthz")).status).toBe(200);
});
