/** A listing reads its source under a share of its own, and only for as long as it lasts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { usualTerms } from "../../src/model/job.ts";
import { type Fleet, openFleet } from "../testbed/fleet.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { seededBytes } from "../testbed/trees.ts";

const cap = 1_000_000;

interface ShareRow {
  readonly worker: string;
  readonly rate: number;
}

function sharesOf(fleet: Fleet, jobId: string): Promise<readonly ShareRow[]> {
  return fleet.ask<ShareRow>("select worker, bytes_per_second::float8 as rate from grants where job_id = $1", [jobId]);
}

describeOnPostgres("the share of a listing", (postgres) => {
  test("is asked for while it lasts, and given back at its end", async () => {
    const tree = join(tempDir("source"), "tree");
    mkdirSync(tree);
    // Each entry costs half a KiB: five seconds of the cap.
    for (let at = 0; at < 1_000; at += 1) writeFileSync(join(tree, `file-${at}`), "");
    await using fleet = await openFleet(await postgres.database());
    fleet.coordinator();
    const terms = { ...usualTerms, limitBytesPerSecond: 100_000 };
    const job = await fleet.submit(tree, tempDir("target"), { terms });
    await until(
      async () => (await sharesOf(fleet, job.id)).some(({ worker, rate }) => worker.endsWith("/listing") && rate > 0),
      () => "it lists without a share",
      15_000,
    );
    expect((await fleet.store.job(job.id))?.planDone).toBe(false);
    await until(
      async () => (await fleet.store.job(job.id))?.planDone === true,
      () => "it is still listed",
      30_000,
    );
    await until(
      async () => (await sharesOf(fleet, job.id)).length === 0,
      () => "its share is still there",
      5_000,
    );
  }, 90_000);

  test("goes to the workers when the listing has ended", async () => {
    const tree = join(tempDir("source"), "tree");
    mkdirSync(tree);
    for (let at = 0; at < 40; at += 1) writeFileSync(join(tree, `file-${at}`), seededBytes(`share ${at}`, cap));
    await using fleet = await openFleet(await postgres.database());
    fleet.coordinator();
    fleet.worker(1);
    const terms = { ...usualTerms, limitBytesPerSecond: cap };
    const job = await fleet.submit(tree, tempDir("target"), { typed: { chunkSize: "1MiB" }, terms });
    await until(
      async () => (await fleet.store.job(job.id))?.planDone === true,
      () => "it is still listed",
      30_000,
    );
    let shares: readonly ShareRow[] = [];
    await until(
      async () => {
        shares = await sharesOf(fleet, job.id);
        return shares.length === 1 && shares[0]?.rate === cap;
      },
      () => `the worker does not get all of the cap: ${JSON.stringify(shares)}`,
      15_000,
    );
    expect((await fleet.store.job(job.id))?.status).toBe("running");
  }, 90_000);
});
