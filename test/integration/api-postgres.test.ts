import { expect, test } from "vitest";
import { jobIds } from "../../src/store/job-id.ts";
import { openPostgresState } from "../../src/store/postgres/open.ts";
import { badBlock, chunk, item, planOf, play } from "../conformance/store-player.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { apiPlace } from "./api-place.ts";

describeOnPostgres("the API", (postgres) => {
  const openState = async () =>
    openPostgresState({ url: await postgres.database(), connectionsMax: 4, newJobId: jobIds(Math.random) });

  test("requests that come at once with one key make one job, over two servers", async () => {
    const state = await openState();
    await using _ = state.store;
    const [one, two] = [await apiPlace({ state }), await apiPlace({ state })];
    const body = { source_path: "/srv/a", target_path: "/srv/b" };
    const asked = Array.from({ length: 12 }, (__, at) =>
      (at % 2 === 0 ? one : two).ask("POST", "/migrations", {
        body,
        token: one.tokens.operator,
        headers: { "idempotency-key": "k" },
      }),
    );
    const answers = await Promise.all(asked);
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(11);
    expect(new Set(answers.map((answer) => answer.body["job_id"])).size).toBe(1);
  });

  test("changes of one job that come at once all count, over two servers", async () => {
    const state = await openState();
    await using _ = state.store;
    const [one, two] = [await apiPlace({ state }), await apiPlace({ state })];
    const made = await one.ask("POST", "/migrations", { body: { source_path: "/srv/a", target_path: "/srv/b" } });
    const path = `/migrations/${String(made.body["job_id"])}`;
    for (let round = 1; round <= 20; round += 1) {
      const changes = [{ max_parallel_workers: round }, { priority: round % 2 === 0 ? "low" : "high" }] as const;
      const token = one.tokens.operator;
      const asked = changes.map((body, at) => (at === 0 ? one : two).ask("PATCH", path, { body, token }));
      expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200]);
      expect((await one.ask("GET", path)).body).toMatchObject({ ...changes[0], ...changes[1] });
    }
  });

  test("a cursor that no server has made is refused, also one with what this store cannot hold", async () => {
    const state = await openState();
    await using _ = state.store;
    const place = await apiPlace({ state });
    for (const value of [["\u0000"], [1, "\u0000"], [-1], [2 ** 60], "x", [], null]) {
      const cursor = Buffer.from(JSON.stringify(value)).toString("base64url");
      for (const list of ["/tokens", "/audit", "/migrations"])
        expect((await place.ask("GET", `${list}?cursor=${cursor}`, { token: place.tokens.admin })).status).toBe(422);
    }
    expect(place.errors).toEqual([]);
  });

  test("every page of a job says the same as on one machine, and a store that is down is named", async () => {
    const state = await openState();
    await using _ = state.store;
    const place = await apiPlace({ state });
    const made = await place.ask("POST", "/migrations", { body: { source_path: "/srv/a", target_path: "/srv/b" } });
    const id = String(made.body["job_id"]);
    const lead = await state.store.lead(id, "host:1:1");
    await state.store.addPlan(
      lead,
      planOf(Array.from({ length: 5 }, (__, at) => chunk("pack", [item(`f${at}`, 100)]))),
    );
    await state.store.setStatus(lead, "running", null);
    await play(state.store, id, ({ stage, paths }) =>
      stage === "verify" && paths[0] === "f2"
        ? { type: "read_back", bad: [badBlock(0)], endings: [], readFrom: "medium" }
        : null,
    );
    await state.store.setStatus(lead, "complete", null);
    expect((await place.ask("GET", `/migrations/${id}/report`)).body).toMatchObject({
      overall_status: "fail",
      chunks_verified: 4,
      chunks_failed: 1,
      failed_chunks: [{ path: "f2" }],
    });
    expect((await place.ask("GET", `/migrations/${id}/chunks/map?buckets=3`)).body).toMatchObject({
      by_state: { verified: 4, pending: 0 },
    });
    for (const part of ["", "/chunks?state=verified&limit=2", "/attempts", "/exceptions", "/checkpoint"])
      expect((await place.ask("GET", `/migrations/${id}${part}`)).status).toBe(200);
    expect((await place.ask("GET", "/audit?limit=1", { token: place.tokens.admin })).status).toBe(200);
    expect((await place.ask("GET", "/workers")).status).toBe(200);

    await postgres.server().stop();
    expect(await place.ask("GET", "/healthz")).toMatchObject({ status: 503, body: { status: "unavailable" } });
    const down = await place.ask("GET", `/migrations/${id}`);
    expect(down).toMatchObject({ status: 503, body: { code: "store_busy" } });
    expect(down.headers.get("retry-after")).toBe("5");
  });
});
