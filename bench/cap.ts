/**
 * The cap of a source, held against what four workers read of it within a minute, counted outside of Godwit. The minute
 * begins when each of them has a share.
 */
import { join } from "node:path";
import { usualTerms } from "../src/model/job.ts";
import { mostInASecond, type Served } from "../test/testbed/cut-proxy.ts";
import { openFleet } from "../test/testbed/fleet.ts";
import { startPostgres } from "../test/testbed/postgres.ts";
import { until } from "../test/testbed/server-process.ts";
import type { ComparisonResult } from "./comparison.ts";
import { countedBucket, countedDisk, type CountedSource } from "./read-counters.ts";
import { empty } from "./sides.ts";

const cap = 50_000_000;
const workers = 4;
const seconds = 60;
/** More than is read from the first byte to the end of the minute. */
const bytesInAll = 1.3 * cap * seconds;

export interface CapSetting {
  readonly scratch: string;
}

/** For each kind of source two ratios: the most in any second / the cap, and the cap / the mean. */
export async function capComparison({ scratch }: CapSetting): Promise<readonly ComparisonResult[]> {
  const results: ComparisonResult[] = [];
  for (const make of [countedDisk, countedBucket]) {
    const [store, dir, target] = [join(scratch, "store"), join(scratch, "source"), join(scratch, "target")];
    empty(store, dir, target);
    await using source = await make(join(dir, "cap"), bytesInAll);
    const postgres = await startPostgres({ dir: store });
    try {
      results.push(...(await capOf(source, await postgres.database("bench"), target)));
    } finally {
      await postgres.stop();
    }
  }
  return results;
}

async function capOf(source: CountedSource, database: string, target: string): Promise<readonly ComparisonResult[]> {
  await using fleet = await openFleet(database, source.env);
  fleet.coordinator();
  for (let at = 0; at < workers; at += 1) fleet.worker(2);
  const terms = { ...usualTerms, limitBytesPerSecond: cap };
  const { served } = source;
  const startMs = performance.now();
  const job = await fleet.submit(source.location, target, { typed: { durability: "none" }, terms });
  await until(
    async () => {
      const rows = await fleet.ask<{ n: number }>(
        "SELECT count(*)::int AS n FROM grants WHERE job_id = $1 AND lanes_wanted > 0 AND bytes_per_second > 0",
        [job.id],
      );
      return rows[0]?.n === workers;
    },
    () => "not every worker has a share",
    60_000,
  );
  const fromMs = performance.now();
  console.error(`cap, ${source.name}: every worker has a share after ${Math.round(fromMs - startMs)} ms`);
  const endMs = fromMs + seconds * 1_000;
  await until(
    () => (served.at(-1)?.atMs ?? 0) >= endMs,
    () => `${served.length} pieces were read`,
    4_000 * seconds,
  );
  // The worst second is looked for from the submission on; only the mean is that of the minute.
  const untilEnd = served.filter(({ atMs }) => atMs >= startMs && atMs < endMs);
  return resultsOf(source, untilEnd, { startMs, fromMs });
}

function resultsOf(
  source: CountedSource,
  served: readonly Served[],
  { startMs, fromMs }: { readonly startMs: number; readonly fromMs: number },
): readonly ComparisonResult[] {
  const inMinute = served.filter(({ atMs }) => atMs >= fromMs);
  const mean = inMinute.reduce((all, { bytes }) => all + bytes, 0) / seconds;
  const perSecond = Array.from({ length: Math.ceil(((served.at(-1)?.atMs ?? startMs) - startMs) / 1_000) }, () => 0);
  for (const { atMs, bytes } of served) {
    const at = Math.floor((atMs - startMs) / 1_000);
    perSecond[at] = (perSecond[at] ?? 0) + bytes;
  }
  const shown = perSecond.map((bytes) => Math.round(bytes / 1e6));
  console.error(`cap, ${source.name}: MB in each second: ${shown.join(" ")}`);
  const sides = { ours: null, theirs: null };
  const name = `${source.name}, ${workers} workers, ${seconds} s, cap ${cap / 1e6} MB/s`;
  return [
    { ...sides, name: `${name}: the most in a second by the cap`, ratio: mostInASecond(served) / cap, ratioMax: 1.05 },
    { ...sides, name: `${name}: the cap by the mean`, ratio: cap / mean, ratioMax: source.capByMeanMax },
  ];
}
