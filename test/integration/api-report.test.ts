import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rotateSigningKey } from "../../src/report/keys.ts";
import { verifyReport } from "../../src/report/verify.ts";
import type { ChunkRecord, Store } from "../../src/ports/store.ts";
import { chunk, item, planOf, play } from "../conformance/store-player.ts";
import { sampleEntry, sampleItem, sampleRow } from "../report/sample-store.ts";
import { until } from "../testbed/server-process.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { type ApiPlace, apiPlace, openState } from "./api-place.ts";

/** @returns its id */
async function endedJob(place: ApiPlace): Promise<string> {
  const { store } = place.state;
  const { body } = await place.ask("POST", "/migrations", {
    body: { source_path: "/srv/a", target_path: "/srv/b", reconcile: false },
  });
  const lead = await store.lead(String(body["job_id"]), "host:1:1");
  await store.addPlan(lead, planOf(Array.from({ length: 5 }, (_, at) => chunk("pack", [item(`file ${at}`, 100)]))));
  await store.setStatus(lead, "running", null);
  await play(store, lead.jobId);
  await store.setStatus(lead, "complete", null);
  return lead.jobId;
}

function fetched(place: ApiPlace, path: string): Promise<Response> {
  return fetch(`${place.server.address}${path}`, { headers: { authorization: `Bearer ${place.tokens.viewer}` } });
}

test("a viewer gets the signed report, checks it with the key that the server names, and it survives a rotation", async () => {
  const place = await apiPlace();
  const id = await endedJob(place);
  const path = `/migrations/${id}/signed-report`;
  const viewer = { token: place.tokens.viewer };
  const report = await place.ask("GET", path, viewer);
  expect([report.status, report.headers.get("content-type")]).toEqual([200, "application/json"]);
  const file = join(place.dir, "report.json");
  const text = await (await fetched(place, path)).text();
  writeFileSync(file, text);
  const pemOf = async (keyId: string): Promise<string> => {
    const { keys } = (await place.ask("GET", "/keys", viewer)).body as { keys: Record<string, string>[] };
    return keys.find((key) => key["key_id"] === keyId)?.["public_key_pem"] ?? "";
  };
  const { keyId } = await verifyReport(file);
  const checked = await verifyReport(file, { publicKeyPem: await pemOf(keyId) });
  expect(checked).toMatchObject({ intact: true, signer: "known", body: { job: { id }, overall_status: "pass" } });

  const { current } = await rotateSigningKey(join(place.dir, "keys"));
  writeFileSync(file, await (await fetched(place, `${path}?format=json`)).text());
  expect(await verifyReport(file, { publicKeyPem: await pemOf(current.keyId) })).toMatchObject({ signer: "known" });
  const { keys } = (await place.ask("GET", "/keys", viewer)).body as { keys: unknown[] };
  expect(keys).toMatchObject([
    { key_id: current.keyId, is_current: true },
    { key_id: keyId, is_current: false },
  ]);
});

test("the report comes as a page and as a list of sums too; what is wrong is answered before it begins", async () => {
  const place = await apiPlace();
  const id = await endedJob(place);
  const page = await fetched(place, `/migrations/${id}/signed-report?format=html`);
  expect(page.headers.get("content-type")).toBe("text/html; charset=utf-8");
  expect(await page.text()).toContain("<html");
  const sums = await place.ask("GET", `/migrations/${id}/signed-report?format=sha256sum`);
  expect(String(sums.body["text"]).split("\n")).toHaveLength(6);
  expect((await place.ask("GET", "/migrations/none/signed-report")).status).toBe(404);
  expect((await place.ask("GET", `/migrations/${id}/signed-report?format=pdf`)).status).toBe(422);
  expect((await place.ask("GET", `/migrations/${id}/signed-report`, { token: null })).status).toBe(401);
  expect((await place.ask("HEAD", `/migrations/${id}/signed-report`)).status).toBe(405);
});

/** The same, but for what the rows of a job are. */
function withChunks(store: Store, chunks: Store["chunks"]): Store {
  return new Proxy(store, {
    get: (of, name) => {
      if (name === "chunks") return chunks;
      const value = of[name as keyof Store] as unknown;
      return typeof value === "function" ? (value.bind(of) as unknown) : value;
    },
  });
}

function row(chunkId: number): ChunkRecord {
  const items = Array.from({ length: 500 }, (_, at) => sampleItem(sampleEntry(`directory ${chunkId}/file ${at}`, 10)));
  return { ...sampleRow(1, { items }), chunkId };
}

test("a report is written while it is read: one without an end is served for as long as somebody takes it", async () => {
  const state = await openState(tempDir("endless"));
  await using _ = state.store;
  const seen = { rows: 0, ended: 0 };
  // oxlint-disable-next-line require-await
  const endless = async function* rows(): AsyncGenerator<ChunkRecord> {
    try {
      for (seen.rows = 1; ; seen.rows += 1) yield row(seen.rows);
    } finally {
      seen.ended += 1;
    }
  };
  const place = await apiPlace({ state: { ...state, store: withChunks(state.store, endless) } });
  const id = await endedJob(place);
  const path = `${place.server.address}/migrations/${id}/signed-report`;
  const headers = { authorization: `Bearer ${place.tokens.viewer}` };
  // More at once than there are seats for: four each time, so that a seat that is not given back is missed.
  for (let round = 1; round <= 2; round += 1) {
    for (let reader = 1; reader <= 4; reader += 1) {
      const asked = request(path, { headers }).end();
      const [answer] = (await once(asked, "response")) as [AsyncIterable<Buffer> & { readonly statusCode: number }];
      expect(answer.statusCode).toBe(200);
      let bytes = 0;
      for await (const part of answer) {
        bytes += part.length;
        if (bytes > 5_000_000) break;
      }
      asked.destroy();
    }
    await until(
      () => seen.ended === round * 4,
      () => `only ${seen.ended} reports have ended`,
    );
  }
  expect(place.errors).toEqual([]);
});

// oxlint-disable-next-line require-await
async function* broken(): AsyncGenerator<ChunkRecord> {
  for (let at = 1; at <= 50; at += 1) yield row(at);
  throw new Error("the rows cannot be read");
}

test("a report that fails half-way is cut off: nobody takes its beginning for all of it", async () => {
  const state = await openState(tempDir("broken"));
  await using _ = state.store;
  const place = await apiPlace({ state: { ...state, store: withChunks(state.store, broken) } });
  const id = await endedJob(place);
  const answer = await fetched(place, `/migrations/${id}/signed-report`);
  expect(answer.status).toBe(200);
  await expect(answer.text()).rejects.toThrow("terminated");
  expect(place.errors).toHaveLength(1);
});

test("a server tells its version and what the token may do", async () => {
  const place = await apiPlace();
  for (const role of ["viewer", "operator", "admin"] as const)
    expect((await place.ask("GET", "/server", { token: place.tokens[role] })).body).toEqual({
      version: "0.0.0-test",
      api_version: 1,
      role,
    });
});

test("jobs are found by the beginning of their ids", async () => {
  const place = await apiPlace();
  const id = await endedJob(place);
  const ids = async (prefix: string): Promise<unknown> => {
    const { body } = await place.ask("GET", `/migrations?id_prefix=${prefix}`);
    return (body["migrations"] as { job_id: string }[]).map((job) => job.job_id);
  };
  expect(await ids(id.slice(0, 10))).toEqual([id]);
  expect(await ids(id)).toEqual([id]);
  expect(await ids(`${id}x`)).toEqual([]);
  expect(await ids("_")).toEqual([]);
  expect((await place.ask("GET", "/migrations?id_prefix=%25")).status).toBe(422);
});
