/** docs/reference/metrics.md, made from the metrics themselves. */
import { systemClock } from "../platform/clock.ts";
import { fleetMetrics } from "../platform/metrics/fleet-metrics.ts";
import { processMetrics } from "../platform/metrics/process-metrics.ts";

export interface MetricWords {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  readonly labels: readonly string[];
}

export interface AllMetrics {
  readonly ofProcess: readonly MetricWords[];
  /** Told by coordinators alone. */
  readonly ofFleet: readonly MetricWords[];
}

function never(): never {
  throw new Error("nobody asks for values here");
}

/** Everything that a process can tell. */
export function allMetrics(): AllMetrics {
  const { registry } = processMetrics({ clock: systemClock, version: "", role: "" });
  const words = (): readonly MetricWords[] =>
    registry.getMetricsAsArray().map((metric) => {
      const {
        name,
        type,
        help,
        labelNames = [],
      } = metric as typeof metric & { readonly labelNames?: readonly string[] };
      return { name, type, help, labels: labelNames };
    });
  const ofProcess = words();
  fleetMetrics(registry, {
    store: { workers: never },
    overview: { fleet: never },
    budget: { sources: never, grants: never },
    clock: systemClock,
  });
  return { ofProcess, ofFleet: words().slice(ofProcess.length) };
}

const about = `Coordinators answer \`GET /metrics\` to a viewer's token, workers with \`--metrics-listen\`: [how to scrape them](../operate/observe.md). Names carry their units; bytes are bytes, times are seconds. All but the job ids are bounded by the program or by what an admin has named.`;

const ofProcess = `Labels: \`operation\` is a method of the store, \`stage\` one of a chunk, \`code\` and \`reason\` [an error](errors.md) (\`reason\` also \`done\` and \`released\`), \`source\` the source that covers the job ([source protection](../operate/source-protection.md)), empty where none does. \`kind\` is one of garbage collection.`;

const ofFleet = `Looked up in the store at most every 5 s, however many ask, and without a look at all chunks. A scrape waits 2 s for it at most, and then tells what was seen last; after a minute without an answer nothing of this is told. Several coordinators tell the same: take \`max by (…)\`, never a sum.

Only open jobs have a \`job_id\` here (pending, running, paused), the 100 most urgent and oldest: a fleet with more is seen by \`godwit_jobs\`. Their sums are those of the last checkpoint. \`host\` is one of workers that were heard of within the last hour.`;

export function metricsPage(madeBy: string): string {
  const all = allMetrics();
  const parts = [
    "# Metrics",
    madeBy,
    about,
    "## Of each process",
    ofProcess,
    table(all.ofProcess),
    "## Of the fleet, by coordinators",
    ofFleet,
    table(all.ofFleet),
  ];
  return `${parts.join("\n\n")}\n`;
}

function table(metrics: readonly MetricWords[]): string {
  const lines = metrics.map(
    ({ name, type, help, labels }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`,
  );
  return ["| metric | type | labels | |", "|---|---|---|---|", ...lines].join("\n");
}
