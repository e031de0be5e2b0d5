/** Requests that somebody might send: some that mean nothing, and some that are right but for one or two things. */
import fc from "fast-check";
import type { ApiPlace } from "./api-place.ts";

export interface Sent {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string | null;
}

const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
const likely = { source_path: "/a/b", target_path: "/c/d", name: "n", role: "viewer" };

/** Some that mean something to the server, some that mean nothing to anybody. */
const words = fc.oneof(
  fc.constantFrom("pause", "..", ".", "%00", "%ff", "%2f", "%", "null", "__proto__", "constructor", "a".repeat(300)),
  fc.string({ maxLength: 20 }).map((text) => encodeURIComponent(text.toWellFormed())),
);

/** As the server makes them, and as it never would: with a zero byte, with the largest number, with a word too many. */
const cursors = [["\u0000"], [1, "\u0000"], [1, "job"], [Number.MAX_SAFE_INTEGER], [1], ["a"], [1, 2, 3], {}].map(
  (value) => Buffer.from(JSON.stringify(value)).toString("base64url"),
);

const values: Readonly<Record<string, readonly string[]>> = {
  limit: ["1", "2", "0", "-1", "1e9", "x"],
  cursor: cursors,
  state: ["pending", "failed", "x"],
  status: ["pending", "paused", "x"],
  buckets: ["1", "7", "1000", "1001"],
  x: ["1"],
};

function query(names: readonly string[]): fc.Arbitrary<string> {
  const pair = fc.constantFrom(...names, "x").chain((name) => {
    const known = values[name] ?? ["1"];
    return fc
      .oneof({ weight: 5, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: words })
      .map((value) => `${name}=${value}`);
  });
  return fc.array(pair, { maxLength: 2 }).map((pairs) => (pairs.length === 0 ? "" : `?${pairs.join("&")}`));
}

function bodies(names: readonly string[]): fc.Arbitrary<Buffer | string> {
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
  const nearly = fc.dictionary(fc.constantFrom(...names), strange, { maxKeys: 1 });
  return fc.oneof(
    { weight: 4, arbitrary: known.map((value) => JSON.stringify(value)) },
    { weight: 4, arbitrary: nearly.map((value) => JSON.stringify({ ...likely, ...value })) },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)) },
    { weight: 1, arbitrary: fc.constantFrom("", "{", "[".repeat(5_000), '{"__proto__":{"x":1}}', "\ufeff{}") },
  );
}

const keys = fc.option(fc.stringMatching(/^[\x20-\x7e]{0,300}$/), { nil: null, freq: 3 });

export function requestsTo({ document, tokens }: ApiPlace, jobId: string): fc.Arbitrary<Sent> {
  const fields = Object.values(document.components.schemas).flatMap((schema) =>
    Object.keys((schema["properties"] as object | undefined) ?? {}),
  );
  const templates = [...Object.keys(document.paths), "/", "//", "/migrations/", "/migrations/{job_id}/x"];
  const wild: fc.Arbitrary<Sent> = fc
    .record({
      method: fc.constantFrom(...methods),
      template: fc.constantFrom(...templates),
      word: fc.oneof(fc.constant(jobId), words),
      search: query(Object.keys(values)),
      token: fc.constantFrom(tokens.admin, tokens.operator, tokens.viewer, "no", null),
      type: fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", ""),
      key: keys,
      body: fc.option(bodies([...new Set(fields)])),
    })
    .map(({ method, template, word, search, token, type, key, body }) => ({
      method,
      path: `${template.replaceAll(/\{[^}]+\}/g, () => word)}${search}`,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(type !== "" && { "content-type": type }),
        ...(key !== null && { "idempotency-key": key }),
      },
      body,
    }));
  const operations = Object.entries(document.paths).flatMap(([path, some]) =>
    Object.entries(some).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  const near: fc.Arbitrary<Sent> = fc.constantFrom(...operations).chain(({ path, method, operation }) => {
    const { requestBody, parameters } = operation;
    const reference = requestBody?.content["application/json"]?.schema["$ref"];
    const shape =
      typeof reference === "string" ? document.components.schemas[reference.split("/").at(-1) ?? ""] : undefined;
    const names = Object.keys((shape?.["properties"] as object | undefined) ?? {});
    return fc
      .record({
        word: fc.oneof({ weight: 9, arbitrary: fc.constant(jobId) }, { weight: 1, arbitrary: words }),
        search: query(parameters.filter((parameter) => parameter.in === "query").map(({ name }) => name)),
        key: keys,
        body: names.length === 0 ? fc.constant(null) : bodies(names),
      })
      .map(({ word, search, key, body }) => ({
        method,
        path: `${path.replaceAll(/\{[^}]+\}/g, () => word)}${parameters.length === 0 ? "" : search}`,
        headers: {
          authorization: `Bearer ${tokens.admin}`,
          "content-type": "application/json",
          ...(key !== null && { "idempotency-key": key }),
        },
        body,
      }));
  });
  return fc.oneof(wild, near);
}
