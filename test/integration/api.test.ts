import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { systemClock } from "../../src/platform/clock.ts";
import { type NewChunk } from "../../src/model/task.ts";
import type { Lead } from "../../src/ports/store.ts";
import { badBlock, chunk, errorOf, item, planOf, play } from "../conformance/store-player.ts";
import { type ApiPlace, apiPlace, type Told } from "./api-place.ts";

function places(
  { dir }: Pick<ApiPlace, "dir">,
  name = "a",
): { readonly source_path: string; readonly target_path: string } {
  mkdirSync(join(dir, name), { recursive: true });
  return { source_path: join(dir, name), target_path: join(dir, `${name}-target`) };
}

/** Submitted over the API, then planned as a coordinator would. */
async function running(place: ApiPlace, chunks: readonly NewChunk[], name = "a"): Promise<Lead> {
  const { body } = await place.ask("POST", "/migrations", { body: places(place, name) });
  const { store } = place.state;
  const lead = await store.lead(String(body["job_id"]), "host:1:1");
  await store.addPlan(lead, planOf(chunks));
  await store.setStatus(lead, "running", null);
  return lead;
}

const packs = (count: number): NewChunk[] =>
  Array.from({ length: count }, (_, at) => chunk("pack", [item(`f${at}`, 1_000)]));

async function allPages(place: ApiPlace, path: string, list: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let cursor = ""; ;) {
    const { status, body } = await place.ask("GET", `${path}${path.includes("?") ? "&" : "?"}${cursor}`);
    expect(status).toBe(200);
    found.push(...(body[list] as unknown[]));
    if (body["next_cursor"] === null) return found;
    cursor = `cursor=${body["next_cursor"] as string}`;
  }
}

test("a job is submitted with the fields that were agreed, and answered with them", async () => {
  const place = await apiPlace();
  const submitted = await place.ask("POST", "/migrations", {
    body: { ...places(place), throughput_limit_gb_per_hour: 400, max_parallel_workers: 50, priority: "high" },
  });
  expect(submitted.status).toBe(201);
  const id = String(submitted.body["job_id"]);
  expect(submitted.body).toEqual({ job_id: id, status: "pending", estimated_completion_at: null });
  expect(submitted.headers.get("location")).toBe(`/migrations/${id}`);
  const job = await place.state.store.job(id);
  expect(job?.terms).toEqual({ priority: "high", limitBytesPerSecond: 111_111_111, lanesMax: 50 });
  expect((await place.ask("GET", `/migrations/${id}`)).body).toMatchObject({
    job_id: id,
    status: "pending",
    total_bytes: 0,
    bytes_transferred: 0,
    bytes_verified: 0,
    chunks_total: 0,
    chunks_complete: 0,
    estimated_completion_at: null,
    last_failure_reason: null,
    throughput_limit_gb_per_hour: 400,
    max_parallel_workers: 50,
    priority: "high",
  });
  expect((await place.ask("GET", `/migrations/${id}/report`)).body).toMatchObject({
    job_id: id,
    overall_status: "in_progress",
    chunks_verified: 0,
    chunks_failed: 0,
    failed_chunks: [],
    next_cursor: null,
  });
});

function send(at: ApiPlace, body: object, token: string): Promise<Told> {
  return at.ask("POST", "/migrations", { body, token, headers: { "idempotency-key": "once-1" } });
}

test("an Idempotency-Key makes one job, also after the server was started anew", async () => {
  const place = await apiPlace();
  const body = places(place);
  const first = await send(place, body, place.tokens.operator);
  expect(first.status).toBe(201);
  await place.server.close();
  const again = await apiPlace({ state: place.state });
  const second = await send(again, body, place.tokens.operator);
  expect([second.status, second.body["job_id"]]).toEqual([200, first.body["job_id"]]);
  expect(second.headers.get("idempotency-replayed")).toBe("true");
  const other = await send(again, { ...body, priority: "low" }, place.tokens.operator);
  expect(other).toMatchObject({ status: 422, body: { code: "idempotency_conflict" } });
  const foreign = await send(again, places(place, "b"), place.tokens.admin);
  expect(foreign.status).toBe(201);
  expect(await place.state.store.jobs()).toHaveLength(2);
  const bad = await again.ask("POST", "/migrations", { body, headers: { "idempotency-key": "has a space" } });
  expect(bad).toMatchObject({ status: 422, body: { errors: [{ field: "header Idempotency-Key" }] } });
});

test("the answer to a repeated request estimates by the store's clock, whatever the server's says", async () => {
  const anHourAhead = { ...systemClock, now: () => systemClock.now() + 3_600_000 };
  const place = await apiPlace({ clock: anHourAhead });
  const body = places(place);
  const { body: made } = await send(place, body, place.tokens.operator);
  const { store } = place.state;
  const lead = await store.lead(String(made["job_id"]), "host:1:1");
  await store.addPlan(lead, planOf(packs(2)));
  await store.setStatus(lead, "running", null);
  await store.count(lead, { sourceBytesRead: 1_000 });
  // The run has just begun: nothing can be said yet.
  expect((await send(place, body, place.tokens.operator)).body).toMatchObject({
    status: "running",
    estimated_completion_at: null,
  });
});

test("a request may be attached to the unfinished job of its places, if it asks for the same", async () => {
  const place = await apiPlace();
  const { tokens } = place;
  const body = { ...places(place), on_unfinished: "attach" };
  const attach = (more: object = {}) => place.ask("POST", "/migrations", { body: { ...body, ...more } });
  const first = await attach();
  expect(first.status).toBe(201);
  const id = String(first.body["job_id"]);
  expect(await attach({ priority: "high" })).toMatchObject({ status: 200, body: { job_id: id, status: "pending" } });
  expect(await attach({ chunk_bytes: 2 ** 20, file_digest: true })).toMatchObject({
    status: 409,
    body: { code: "job_options_differ", errors: [{ field: "file_digest" }, { field: "chunk_bytes" }] },
  });
  expect(await attach({ kind: "sync" })).toMatchObject({ status: 409, body: { code: "job_exists" } });
  const kept = await send(place, body, tokens.operator);
  expect(kept).toMatchObject({ status: 200, body: { job_id: id } });
  expect(kept.headers.get("idempotency-replayed")).toBeNull();
  expect((await send(place, body, tokens.operator)).headers.get("idempotency-replayed")).toBe("true");
  const { store } = place.state;
  const lead = await store.lead(id, "host:1:1");
  await store.wish(id, "cancel");
  expect(await attach()).toMatchObject({ status: 409, body: { code: "job_exists" } });
  await store.setStatus(lead, "failed", errorOf("fatal", "source_missing"));
  await store.wish(id, null);
  expect(await attach()).toMatchObject({ status: 200, body: { job_id: id, status: "failed" } });
  const second = await attach({ on_unfinished: "refuse" });
  expect(second.status).toBe(201);
  expect(await attach()).toMatchObject({ status: 200, body: { job_id: second.body["job_id"] } });
});

test("a job reads its target again at the end, unless it is told not to; a check writes nothing", async () => {
  const place = await apiPlace();
  const reconciles = async (name: string, more: object): Promise<boolean | undefined> => {
    const { body } = await place.ask("POST", "/migrations", { body: { ...places(place, name), ...more } });
    return (await place.state.store.job(String(body["job_id"])))?.spec.reconcile;
  };
  expect(await reconciles("a", {})).toBe(true);
  expect(await reconciles("b", { kind: "sync" })).toBe(true);
  expect(await reconciles("c", { reconcile: false })).toBe(false);
  expect(await reconciles("d", { kind: "check" })).toBe(false);
  const asked = { ...places(place, "e"), kind: "check", reconcile: true };
  expect(await place.ask("POST", "/migrations", { body: asked })).toMatchObject({
    status: 422,
    body: { errors: [{ field: "reconcile" }] },
  });
});

test("what is wrong with a request is named by its field, and nothing is made", async () => {
  const place = await apiPlace();
  const fine = places(place);
  const wrong: [string, object | string, number, string[]][] = [
    ["a field that is not known", { ...fine, colour: "red" }, 422, ["colour"]],
    ["an inner field that is not known", { ...fine, s3: { secret_key: "x" } }, 422, ["s3.secret_key"]],
    ["a missing field", { source_path: "/a" }, 422, ["target_path"]],
    ["a word that is none of the choices", { ...fine, priority: "urgent" }, 422, ["priority"]],
    ["no limit at all", { ...fine, throughput_limit_gb_per_hour: 0 }, 422, ["throughput_limit_gb_per_hour"]],
    ["half a worker", { ...fine, max_parallel_workers: 0.5 }, 422, ["max_parallel_workers"]],
    ["a relative path", { ...fine, source_path: "a/b" }, 422, ["source_path"]],
    ["another scheme", { ...fine, target_path: "ftp://host/x" }, 422, ["target_path"]],
    ["a URL that is none", { ...fine, target_path: "file://[/x" }, 422, ["target_path"]],
    ["an escaped slash", { ...fine, target_path: "file:///a/..%2f..%2fetc" }, 422, ["target_path"]],
    ["another host", { ...fine, target_path: "file://host/x" }, 422, ["target_path"]],
    ["the same place twice", { source_path: fine.source_path, target_path: fine.source_path }, 422, ["target_path"]],
    ["a target in its source", { ...fine, target_path: `${fine.source_path}/in` }, 422, ["target_path"]],
    ["a copy that deletes", { ...fine, delete: true }, 422, ["delete"]],
    ["evidence that a directory has not", { ...fine, source_evidence: "store" }, 422, ["source_evidence"]],
    ["no JSON", "{", 400, ["body"]],
    ["no object", "[]", 422, ["body"]],
  ];
  for (const [what, body, status, fields] of wrong) {
    const answer = await place.ask("POST", "/migrations", { body });
    expect([what, answer.status, answer.body["code"]]).toEqual([what, status, "request_invalid"]);
    expect(
      (answer.body["errors"] as { field: string }[]).map(({ field }) => field),
      what,
    ).toEqual(fields);
    expect(answer.headers.get("content-type"), what).toBe("application/problem+json");
  }
  expect(await place.state.store.jobs()).toEqual([]);
  const text = await place.ask("POST", "/migrations", { body: "x", headers: { "content-type": "text/plain" } });
  expect(text.status).toBe(415);
  const large = await place.ask("POST", "/migrations", { body: { ...fine, include: ["x".repeat(300_000)] } });
  expect(large).toMatchObject({ status: 413, body: { code: "request_too_large" } });
});

test("queries, addresses and methods that are not there are refused by name", async () => {
  const place = await apiPlace();
  expect(await place.ask("GET", "/migrations?page=2")).toMatchObject({
    status: 422,
    body: { errors: [{ field: "query page" }] },
  });
  expect(await place.ask("GET", "/migrations?limit=1&limit=2")).toMatchObject({
    status: 422,
    body: { errors: [{ field: "query limit" }] },
  });
  expect(await place.ask("GET", "/migrations?cursor=abc")).toMatchObject({
    status: 422,
    body: { errors: [{ field: "query cursor" }] },
  });
  expect(await place.ask("GET", "/migrations/none")).toMatchObject({ status: 404, body: { code: "job_unknown" } });
  expect(await place.ask("GET", "/nothing")).toMatchObject({ status: 404, body: { code: "route_unknown" } });
  const wrongMethod = await place.ask("DELETE", "/migrations");
  expect(wrongMethod).toMatchObject({ status: 405, body: { code: "method_unknown" } });
  expect(wrongMethod.headers.get("allow")).toBe("POST, GET, HEAD");
  expect((await place.ask("HEAD", "/migrations")).status).toBe(200);
});

test("jobs are listed by pages, the newest first, and by status", async () => {
  const place = await apiPlace();
  const made: string[] = [];
  for (const name of ["a", "b", "c", "d", "e"]) {
    const { body } = await place.ask("POST", "/migrations", { body: places(place, name) });
    made.unshift(String(body["job_id"]));
  }
  const listed = (await allPages(place, "/migrations?limit=2", "migrations")) as { job_id: string }[];
  // Jobs of the same millisecond stand in the order of their ids.
  expect(listed.map(({ job_id: id }) => id).toSorted()).toEqual(made.toSorted());
  await place.ask("POST", `/migrations/${made[1] ?? ""}/pause`);
  const paused = (await allPages(place, "/migrations?status=paused", "migrations")) as { job_id: string }[];
  expect(paused.map(({ job_id: id }) => id)).toEqual([made[1]]);
});

test("a second unfinished job of the same places is refused", async () => {
  const place = await apiPlace();
  expect((await place.ask("POST", "/migrations", { body: places(place) })).status).toBe(201);
  expect(await place.ask("POST", "/migrations", { body: places(place) })).toMatchObject({
    status: 409,
    body: { code: "job_exists" },
  });
});

test("a job that nobody leads is paused, resumed and cancelled at once", async () => {
  const cancelled: string[] = [];
  const place = await apiPlace({ onCancelled: (id) => cancelled.push(id) });
  const { body } = await place.ask("POST", "/migrations", { body: places(place) });
  const job = `/migrations/${String(body["job_id"])}`;
  for (const _ of [1, 2])
    expect(await place.ask("POST", `${job}/pause`)).toMatchObject({
      status: 200,
      body: { status: "paused", wish: null },
    });
  for (const _ of [1, 2])
    expect(await place.ask("POST", `${job}/resume`)).toMatchObject({ status: 200, body: { status: "pending" } });
  for (const _ of [1, 2])
    expect(await place.ask("POST", `${job}/cancel`)).toMatchObject({ status: 200, body: { status: "cancelled" } });
  expect(cancelled).toEqual([body["job_id"]]);
  for (const verb of ["pause", "resume"])
    expect(await place.ask("POST", `${job}/${verb}`)).toMatchObject({ status: 409, body: { code: "job_state" } });
  expect((await place.ask("PATCH", job, { body: { priority: "low" } })).status).toBe(409);
});

test("the leader of a job is asked to pause it, and the pause can be taken back", async () => {
  const place = await apiPlace();
  const { jobId } = await running(place, packs(2));
  const paused = await place.ask("POST", `/migrations/${jobId}/pause`);
  expect(paused).toMatchObject({ status: 202, body: { status: "running", wish: "pause", led_by: "host:1:1" } });
  expect((await place.state.store.job(jobId))?.wish).toBe("pause");
  const resumed = await place.ask("POST", `/migrations/${jobId}/resume`);
  expect(resumed).toMatchObject({ status: 200, body: { wish: null } });
  expect((await place.ask("POST", `/migrations/${jobId}/cancel`)).body).toMatchObject({ wish: "cancel" });
  expect((await place.ask("POST", `/migrations/${jobId}/resume`)).status).toBe(409);
});

test("limits, lanes and priority change while a job runs, each by itself", async () => {
  const place = await apiPlace();
  const { jobId } = await running(place, packs(1));
  const change = (body: object) => place.ask("PATCH", `/migrations/${jobId}`, { body });
  expect((await change({ throughput_limit_gb_per_hour: 1.5 })).body).toMatchObject({
    throughput_limit_gb_per_hour: 1.5,
    priority: "normal",
  });
  expect((await change({ max_parallel_workers: 7, priority: "low" })).body).toMatchObject({
    throughput_limit_gb_per_hour: 1.5,
    max_parallel_workers: 7,
    priority: "low",
  });
  expect((await change({ throughput_limit_gb_per_hour: null })).body).toMatchObject({
    throughput_limit_gb_per_hour: null,
    max_parallel_workers: 7,
  });
  expect(await change({})).toMatchObject({ status: 422, body: { errors: [{ field: "body" }] } });
  expect((await place.state.store.job(jobId))?.terms).toEqual({
    priority: "low",
    limitBytesPerSecond: null,
    lanesMax: 7,
  });
});

test("a job that ran to its end is reported: what is verified, and each chunk that failed with both checksums", async () => {
  const place = await apiPlace();
  const lead = await running(place, packs(6));
  const id = lead.jobId;
  const { store } = place.state;
  await play(store, id, ({ stage, paths }) =>
    stage === "verify" && (paths[0] === "f2" || paths[0] === "f4")
      ? { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" }
      : null,
  );
  expect((await place.ask("GET", `/migrations/${id}/report`)).body).toMatchObject({ overall_status: "in_progress" });
  await store.setStatus(lead, "complete", null);
  const report = await place.ask("GET", `/migrations/${id}/report?limit=1`);
  expect(report.body).toMatchObject({
    job_id: id,
    overall_status: "fail",
    chunks_verified: 4,
    chunks_failed: 2,
    unproven_entries: 2,
  });
  const failed = (await allPages(place, `/migrations/${id}/report?limit=1`, "failed_chunks")) as Record<
    string,
    unknown
  >[];
  expect(failed.map(({ path }) => path)).toEqual(["f2", "f4"]);
  for (const each of failed) {
    expect(each["source_checksum"]).not.toBe(each["target_checksum"]);
    expect(each).toMatchObject({ outcome: "failed", error: { code: "digest_mismatch" } });
  }
  const status = await place.ask("GET", `/migrations/${id}`);
  expect(status.body).toMatchObject({
    status: "complete",
    total_bytes: 6_000,
    bytes_verified: 4_000,
    estimated_completion_at: null,
  });
  const told = (await allPages(place, `/migrations/${id}/exceptions?limit=2`, "exceptions")) as { outcome: string }[];
  expect(told.filter(({ outcome }) => outcome === "failed")).toHaveLength(2);
});

test("a job whose chunks are all proven passes", async () => {
  const place = await apiPlace();
  const lead = await running(place, packs(3));
  await play(place.state.store, lead.jobId);
  await place.state.store.setStatus(lead, "complete", null);
  const { body } = await place.ask("GET", `/migrations/${lead.jobId}/report`);
  expect(body).toMatchObject({ overall_status: "pass", chunks_verified: 3, chunks_failed: 0, failed_chunks: [] });
});

test("the last failure is that of the job, else of the last attempt that failed", async () => {
  const place = await apiPlace();
  const lead = await running(place, packs(2));
  const { store } = place.state;
  const [task] = await store.claim(lead.jobId, "w", 1, 30_000);
  if (task === undefined) throw new Error("a task");
  await store.giveUp(task.lease, errorOf("retry", "unreadable"), {});
  const reason = async (): Promise<unknown> =>
    (await place.ask("GET", `/migrations/${lead.jobId}`)).body["last_failure_reason"];
  expect(await reason()).toBe("unreadable: a retry error");
  await store.setStatus(lead, "failed", errorOf("fatal", "disk_full"));
  expect(await reason()).toBe("disk_full: a fatal error");
});

test("chunks by state, the map, attempts and the checkpoint say the same of a running job", async () => {
  const place = await apiPlace();
  const { jobId: id } = await running(place, packs(9));
  const { store } = place.state;
  await play(store, id, () => null, 5);
  const held = await store.claim(id, "w9", 2, 30_000);
  const map = (await place.ask("GET", `/migrations/${id}/chunks/map?buckets=4`)).body;
  const byState = map["by_state"] as Record<string, number>;
  const chunks = (await allPages(place, `/migrations/${id}/chunks?limit=4`, "chunks")) as {
    state: string;
    chunk_id: number;
  }[];
  expect(chunks).toHaveLength(9);
  for (const state of ["pending", "in_progress", "transferred", "verified", "failed"]) {
    const some = await allPages(place, `/migrations/${id}/chunks?state=${state}`, "chunks");
    expect([state, some.length, byState[state]]).toEqual([
      state,
      ...[1, 1].map(() => chunks.filter((row) => row.state === state).length),
    ]);
  }
  expect(byState["in_progress"]).toBe(held.length);
  const buckets = map["buckets"] as { first_chunk_id: number; last_chunk_id: number; chunks: Record<string, number> }[];
  expect(buckets.map((bucket) => Object.values(bucket.chunks).reduce((a, b) => a + b))).toEqual(
    buckets.map(
      (bucket) =>
        chunks.filter((row) => row.chunk_id >= bucket.first_chunk_id && row.chunk_id <= bucket.last_chunk_id).length,
    ),
  );
  const attempts = (await place.ask("GET", `/migrations/${id}/attempts`)).body;
  expect(attempts["running"]).toMatchObject(held.map(() => ({ worker: "w9", ended_at: null, ended_because: null })));
  expect(await allPages(place, `/migrations/${id}/attempts?limit=2`, "attempts")).toHaveLength(5);
  const checkpoint = (await place.ask("GET", `/migrations/${id}/checkpoint`)).body;
  expect(checkpoint).toMatchObject({ job_id: id, plan_complete: true, led_by: "host:1:1", runs: 1, leased: 2 });
});

test("workers are listed as they said they are", async () => {
  const place = await apiPlace();
  await place.state.store.beat({ id: "h:1:1", host: "h", version: "1", lanes: 4, failure: null });
  await place.state.store.beat({ id: "h:2:2", host: "h", version: "1", lanes: 2, failure: "no source" });
  await place.state.store.leave("h:2:2");
  const workers = (await place.ask("GET", "/workers")).body["workers"] as Record<string, unknown>[];
  expect(workers.map((each) => [each["worker_id"], each["state"], each["failure"]])).toEqual(
    expect.arrayContaining([
      ["h:1:1", "alive", null],
      ["h:2:2", "left", "no source"],
    ]),
  );
  expect(workers).toHaveLength(2);
});

test("the server says that it is well, to everybody", async () => {
  const place = await apiPlace();
  expect(await place.ask("GET", "/healthz", { token: null })).toMatchObject({
    status: 200,
    body: { status: "ok", store: "ok" },
  });
  expect(place.errors).toEqual([]);
});
