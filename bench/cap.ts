/**
 * The cap of a source, measured from outside: a proxy before a real S3 server counts what four workers read within a
 * minute. The minute begins with the first byte, while the workers still learn of each other.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import { usualTerms } from "../src/model/job.ts";
import { mostInASecond, type Served, startCutProxy } from "../test/testbed/cut-proxy.ts";
import { openFleet } from "../test/testbed/fleet.ts";
import { startPostgres } from "../test/testbed/postgres.ts";
import { until } from "../test/testbed/server-process.ts";
import { awsEnv, startS3Server } from "../test/testbed/servers.ts";
import { seededBytes } from "../test/testbed/trees.ts";
import type { ComparisonResult } from "./comparison.ts";
import { empty } from "./sides.ts";

const cap = 50_000_000;
const workers = 4;
const seconds = 60;
/** Each is one request: s3s-fs reads a whole object for each range of it. */
const fileBytes = 250_000;
/** More than is read in that time. */
const files = Math.ceil((1.2 * cap * seconds) / fileBytes);

export interface CapSetting {
  readonly scratch: string;
}

/** Two ratios: the most in any second by the cap, and the cap by the mean. */
export async function capComparison({ scratch }: CapSetting): Promise<readonly ComparisonResult[]> {
  const [store, dir, target] = [join(scratch, "store"), join(scratch, "source", "cap"), join(scratch, "target")];
  empty(store, dir, target);
  const s3 = await startS3Server("s3s", { dir });
  const postgres = await startPostgres({ dir: store });
  try {
    await s3.bucket("bench");
    fill(join(must(s3.dataDir, "a folder of objects"), "bench", "tree"));
    await using proxy = await startCutProxy(Number(new URL(s3.endpoint).port));
    const env = awsEnv({ ...s3, endpoint: `http://127.0.0.1:${proxy.port}` });
    await using fleet = await openFleet(await postgres.database("bench"), env);
    fleet.coordinator();
    for (let at = 0; at < workers; at += 1) fleet.worker(2);
    const terms = { ...usualTerms, limitBytesPerSecond: cap };
    await fleet.submit("s3://bench/tree", target, { typed: { durability: "none" }, terms });
    await until(
      () => (proxy.served.at(-1)?.atMs ?? 0) >= endOf(proxy.served),
      () => `${proxy.served.length} pieces were read`,
      4_000 * seconds,
    );
    const end = endOf(proxy.served);
    return resultsOf(proxy.served.filter(({ atMs }) => atMs < end));
  } finally {
    await postgres.stop();
    await s3.stop();
  }
}

function fill(folder: string): void {
  mkdirSync(folder);
  const bytes = seededBytes("cap", fileBytes);
  for (let at = 0; at < files; at += 1) {
    // No two files are alike.
    bytes.writeUInt32LE(at, 0);
    writeFileSync(join(folder, `file-${String(at).padStart(5, "0")}`), bytes);
  }
}

/** From the first answer on, that to a listing. */
function endOf(served: readonly Served[]): number {
  return (served[0]?.atMs ?? Infinity) + seconds * 1_000;
}

function resultsOf(served: readonly Served[]): readonly ComparisonResult[] {
  const sum = served.reduce((all, { bytes }) => all + bytes, 0);
  const first = served[0]?.atMs ?? 0;
  const perSecond = Array.from({ length: seconds }, () => 0);
  for (const { atMs, bytes } of served) {
    const at = Math.floor((atMs - first) / 1_000);
    perSecond[at] = (perSecond[at] ?? 0) + bytes;
  }
  console.error(`cap: MB in each second: ${perSecond.map((bytes) => Math.round(bytes / 1e6)).join(" ")}`);
  const mean = sum / seconds;
  const sides = { ours: null, theirs: null };
  const name = `${workers} workers, ${seconds} s, cap ${cap / 1e6} MB/s`;
  return [
    { ...sides, name: `${name}: the most in a second by the cap`, ratio: mostInASecond(served) / cap, ratioMax: 1.05 },
    { ...sides, name: `${name}: the cap by the mean`, ratio: cap / mean, ratioMax: 1 / 0.95 },
  ];
}
