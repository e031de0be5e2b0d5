import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Validator } from "@seriousme/openapi-schema-validator";
import createClient from "openapi-fetch";
import { expect, test } from "vitest";
import { clientTypes } from "../testbed/openapi-types.ts";
import { repositoryRoot } from "../testbed/tools.ts";
import { AnswerChecker, apiPlace, type GivenAnswer } from "./api-place.ts";
import type { Paths } from "./api-types.ts";

test("the served document is one of OpenAPI 3.1", async () => {
  const { document } = await apiPlace();
  const validator = new Validator();
  const result = await validator.validate(structuredClone({ ...document }));
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
  expect(validator.version).toBe("3.1");
});

test("every reference of the document leads to a schema, and every operation has its own name", async () => {
  const { document } = await apiPlace();
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map((match) => match[1]);
  expect(references.length).toBeGreaterThan(20);
  const known = new Set(Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`));
  expect(references.filter((reference) => !known.has(reference ?? ""))).toEqual([]);
  const names = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(names).size).toBe(names.length);
});

function health(body: object): GivenAnswer {
  return { method: "GET", path: "/healthz", status: 200, media: "application/json", text: JSON.stringify(body) };
}

test("an answer that is not what the document says is found", async () => {
  const { document } = await apiPlace();
  const checker = new AnswerChecker(document);
  checker.check(health({ status: "ok", version: "1", store: "ok" }));
  expect(() => checker.check(health({ status: "ok", version: "1" }))).toThrow(/GET .healthz/);
  expect(() => checker.check(health({ status: "ok", version: "1", store: "ok", more: 1 }))).toThrow(/GET .healthz/);
  expect(() => checker.check({ ...health({}), media: "text/html" })).toThrow(/GET .healthz/);
});

test("the types of the generated client are those of the document", async () => {
  const { document } = await apiPlace();
  const file = join(repositoryRoot, "test/integration/api-types.ts");
  // `node test/testbed/make-api-types.ts` makes it anew.
  expect(readFileSync(file, "utf8")).toBe(clientTypes(document));
});

test("a generated client submits a job, watches it, changes it, and reads problems", async () => {
  const place = await apiPlace();
  const client = createClient<Paths>({
    baseUrl: place.server.address,
    headers: { authorization: `Bearer ${place.tokens.operator}` },
  });
  mkdirSync(join(place.dir, "a"));
  const body = { source_path: join(place.dir, "a"), target_path: join(place.dir, "b"), priority: "high" } as const;
  const submitted = await client.POST("/migrations", { params: { header: { "Idempotency-Key": "k" } }, body });
  const id = submitted.data?.job_id ?? "";
  expect(submitted.data).toEqual({ job_id: id, status: "pending", estimated_completion_at: null });
  const path = { job_id: id };
  const changed = await client.PATCH("/migrations/{job_id}", {
    params: { path },
    body: { throughput_limit_gb_per_hour: 12 },
  });
  expect([changed.data?.throughput_limit_gb_per_hour, changed.data?.priority]).toEqual([12, "high"]);
  const listed = await client.GET("/migrations", { params: { query: { limit: 1, status: "pending" } } });
  expect(listed.data?.migrations.map((job) => job.job_id)).toEqual([id]);
  const report = await client.GET("/migrations/{job_id}/report", { params: { path } });
  expect(report.data?.overall_status).toBe("in_progress");
  const unknown = await client.GET("/migrations/{job_id}", { params: { path: { job_id: "none" } } });
  expect([unknown.error?.code, unknown.error?.status]).toEqual(["job_unknown", 404]);
});

test("the reference page needs no script and nothing from elsewhere, and tells every operation, shape and code", async () => {
  const place = await apiPlace();
  const page = await place.ask("GET", "/docs", { token: null });
  const text = String(page.body["text"]);
  expect(page.headers.get("content-security-policy")).toMatch(/^default-src 'none'; style-src 'sha256-/);
  expect(text).not.toMatch(/<script|<link|<img|src=|https?:\/\//i);
  const ids = Object.values(place.document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  for (const id of ids) expect(text).toContain(`id="${id}"`);
  for (const [, to] of text.matchAll(/href="#([^"]+)"/g)) expect(text).toContain(`id="${to}"`);
  const { body } = await place.ask("GET", "/migrations/none");
  expect(text).toContain(`id="${String(body["type"]).split("#")[1] ?? ""}"`);
});
