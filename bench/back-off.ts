/**
 * A fleet on a source that gets slow under load, with a cap and a threshold, at the default settings and in real time: it
 * backs off, and takes its lanes again when the source has room. Draws `docs/operate/back-off.svg`.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { must } from "../src/base/assert.ts";
import { openFleet } from "../test/testbed/fleet.ts";
import { startPostgres } from "../test/testbed/postgres.ts";
import { awsEnv, startS3Server } from "../test/testbed/servers.ts";
import { type BusyServer, startBusyServer } from "./busy-server.ts";
import { type PlotPanel, plotSvg } from "./plot.ts";
import { empty } from "./sides.ts";
import { makeDistinctFiles } from "./trees.ts";

const cap = 3_500_000;
const thresholdMs = 800;
const objectBytes = 40_000;
const baseMs = 400;
/** How many objects the source answers at a time as quickly as one: at first, and when others no longer burden it. */
const [quickFor, quickForLater] = [20, 40];
/** With one lane each. A lane asks for 16 objects at a time. */
const workers = 4;
const seconds = 24 * 60;
const roomAfterSeconds = 12 * 60;
const sampleMs = 2_000;

export interface BackOffSetting {
  readonly scratch: string;
}

interface Sample {
  readonly atSeconds: number;
  readonly servedBytes: number;
  readonly latencyMs: number | null;
  readonly lanesAllowed: number | null;
}

export async function drawBackOff({ scratch }: BackOffSetting): Promise<void> {
  const [store, dir, target] = [join(scratch, "store"), join(scratch, "source", "slow"), join(scratch, "target")];
  empty(store, dir, target);
  const s3 = await startS3Server("s3s", { dir });
  const postgres = await startPostgres({ dir: store });
  try {
    await s3.bucket("bench");
    const tree = join(must(s3.dataDir, "a folder of objects"), "bench", "tree");
    makeDistinctFiles(tree, objectBytes, 0.8 * cap * seconds);
    await using busy = await startBusyServer(s3.endpoint, baseMs, quickFor);
    const samples = await watch(busy, await postgres.database("bench"), {
      target,
      env: awsEnv({ ...s3, endpoint: busy.endpoint }),
    });
    const svg = plotSvg(panelsOf(samples), seconds);
    writeFileSync(join(import.meta.dirname, "..", "docs", "operate", "back-off.svg"), svg);
  } finally {
    await postgres.stop();
    await s3.stop();
  }
}

async function watch(
  busy: BusyServer,
  url: string,
  { target, env }: { readonly target: string; readonly env: Readonly<Record<string, string>> },
): Promise<readonly Sample[]> {
  await using fleet = await openFleet(url, env);
  const server = fleet.coordinator();
  const slow = `${await server.address()}/sources/slow`;
  await putSource(slow);
  for (let at = 0; at < workers; at += 1) fleet.worker(1);
  await fleet.submit("s3://bench/tree", target, { typed: { durability: "none", chunkSize: "4MiB" } });
  const samples: Sample[] = [];
  const startMs = performance.now();
  for (;;) {
    const atSeconds = (performance.now() - startMs) / 1_000;
    if (atSeconds >= seconds) return samples;
    if (atSeconds >= roomAfterSeconds) busy.quickFor = quickForLater;
    const { source, grants } = (await (await fetch(slow)).json()) as SourceAnswer;
    const latencies = grants.flatMap(({ read_latency_p95_ms: ms }) => (ms === null ? [] : [ms]));
    const sample = {
      atSeconds,
      servedBytes: busy.servedBytes(),
      latencyMs: latencies.length === 0 ? null : Math.max(...latencies),
      lanesAllowed: source.lanes_allowed,
    };
    samples.push(sample);
    console.error(`back-off: ${JSON.stringify(sample)}`);
    await sleep(sampleMs);
  }
}

interface SourceAnswer {
  readonly source: { readonly lanes_allowed: number | null };
  readonly grants: readonly { readonly read_latency_p95_ms: number | null }[];
}

async function putSource(slow: string): Promise<void> {
  const answer = await fetch(slow, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      location: "s3://bench/tree",
      limit_bytes_per_second: cap,
      thresholds: [{ type: "read_latency", name: "latency", above: thresholdMs }],
    }),
  });
  if (!answer.ok) throw new Error(`PUT ${slow}: ${answer.status} ${await answer.text()}`);
}

/** The rate is drawn over so many samples: 10 s. */
const rateSamples = 5;

function panelsOf(samples: readonly Sample[]): readonly PlotPanel[] {
  const rates = samples.flatMap(({ atSeconds, servedBytes }, index) => {
    const before = samples[index - rateSamples];
    if (before === undefined || index % rateSamples !== 0) return [];
    return [[atSeconds, (servedBytes - before.servedBytes) / 1e6 / (atSeconds - before.atSeconds)] as const];
  });
  return [
    {
      title: "read latency that workers report, 95th percentile, worst worker (ms)",
      points: samples.flatMap(({ atSeconds, latencyMs }) =>
        latencyMs === null ? [] : [[atSeconds, latencyMs] as const],
      ),
      bound: { name: "threshold", value: thresholdMs },
      isStep: true,
    },
    {
      title: "lanes that may read",
      points: samples.map(({ atSeconds, lanesAllowed }) => [atSeconds, lanesAllowed ?? workers]),
      bound: null,
      isStep: true,
    },
    {
      title: "read of the source (MB/s, over 10 s)",
      points: rates,
      bound: { name: "cap", value: cap / 1e6 },
      isStep: false,
    },
  ];
}
