/** Runs both sides of a comparison in turn (A B, B A, …), so that neither profits from what the other left behind. */
import { execFileSync } from "node:child_process";
import { inTotal, measure, type Measurement, type Step } from "./measure.ts";

export interface Side {
  readonly name: string;
  /** Empties the target, outside of the timing. */
  readonly prepare: () => Promise<void>;
  readonly steps: readonly Step[];
  /** Throws when a run did not do its work; outside of the timing. */
  readonly check?: () => Promise<void>;
  /** Facts about the run, taken right after it: `state bytes per file`. */
  readonly facts?: () => Readonly<Record<string, number>>;
}

export interface Comparison {
  readonly name: string;
  readonly ours: Side | null;
  readonly theirs: Side | null;
  /** The bound on ours / theirs of wall time. */
  readonly ratioMax: number | null;
  readonly pairs: number;
  /** The same runs once more: ours against the first step of theirs alone. */
  readonly firstStep?: { readonly name: string; readonly side: string; readonly ratioMax: number };
}

export interface SideResult {
  readonly name: string;
  readonly wallMs: readonly number[];
  readonly wallMsMedian: number;
  readonly cpuMsMedian: number;
  readonly peakBytesMax: number;
  readonly facts: Readonly<Record<string, number>>;
}

export interface ComparisonResult {
  readonly name: string;
  readonly ours: SideResult | null;
  readonly theirs: SideResult | null;
  /** Median of the ratios within each pair. */
  readonly ratio: number | null;
  readonly ratioMax: number | null;
}

interface Runs {
  readonly side: Side;
  /** Of each run, the steps. */
  readonly measurements: (readonly Measurement[])[];
  facts: Readonly<Record<string, number>>;
}

export async function compare(comparison: Comparison): Promise<readonly ComparisonResult[]> {
  const { name, ratioMax, firstStep } = comparison;
  const ours = asRuns(comparison.ours);
  const theirs = asRuns(comparison.theirs);
  if (comparison.pairs > 1) for (const runs of [ours, theirs]) if (runs !== null) await warmUp(runs, name);
  for (let pair = 0; pair < comparison.pairs; pair += 1) {
    const order = pair % 2 === 0 ? [ours, theirs] : [theirs, ours];
    for (const runs of order) if (runs !== null) await runOnce(runs, `${name} ${pair + 1}/${comparison.pairs}`);
  }
  const whole = resultOf({ name, ratioMax }, ours, theirs);
  if (firstStep === undefined) return [whole];
  const first = theirs === null ? null : firstStepOf(theirs, firstStep.side);
  return [resultOf(firstStep, ours, first), whole];
}

function resultOf(
  { name, ratioMax }: Pick<ComparisonResult, "name" | "ratioMax">,
  ours: Runs | null,
  theirs: Runs | null,
): ComparisonResult {
  const ratios = ours === null || theirs === null ? [] : ratiosOf(ours, theirs);
  const ratio = ratios.length === 0 ? null : median(ratios);
  return { name, ours: summarize(ours), theirs: summarize(theirs), ratio, ratioMax };
}

function firstStepOf(runs: Runs, name: string): Runs {
  return { ...runs, side: { ...runs.side, name }, measurements: runs.measurements.map((steps) => steps.slice(0, 1)) };
}

function asRuns(side: Side | null): Runs | null {
  return side === null ? null : { side, measurements: [], facts: {} };
}

/**
 * One run that does not count. The first one after a tree was made touches memory that a virtual machine's host has not
 * handed out yet, which cost more CPU than the copy itself.
 */
async function warmUp(runs: Runs, label: string): Promise<void> {
  await runOnce(runs, `${label} warm-up`);
  runs.measurements.length = 0;
}

/** What one side left unwritten must not burden the other: everything is on the disk before the clock starts. */
async function runOnce(runs: Runs, label: string): Promise<void> {
  await runs.side.prepare();
  execFileSync("sync");
  const steps = await measure(runs.side.steps);
  runs.measurements.push(steps);
  await runs.side.check?.();
  runs.facts = runs.side.facts?.() ?? {};
  const { cpuMs, peakBytes } = inTotal(steps);
  const seconds = steps.map(({ wallMs }) => (wallMs / 1000).toFixed(2)).join(" + ");
  const megabytes = Math.round(peakBytes / 1e6);
  console.error(`${label}: ${runs.side.name}: ${seconds} s, CPU ${(cpuMs / 1000).toFixed(2)} s, ${megabytes} MB`);
}

function ratiosOf(ours: Runs, theirs: Runs): readonly number[] {
  const theirTotals = theirs.measurements.map(inTotal);
  return ours.measurements.map((steps, pair) => inTotal(steps).wallMs / (theirTotals[pair]?.wallMs ?? Number.NaN));
}

function summarize(runs: Runs | null): SideResult | null {
  if (runs === null) return null;
  const measurements = runs.measurements.map(inTotal);
  return {
    name: runs.side.name,
    wallMs: measurements.map((one) => Math.round(one.wallMs)),
    wallMsMedian: Math.round(median(measurements.map((one) => one.wallMs))),
    cpuMsMedian: Math.round(median(measurements.map((one) => one.cpuMs))),
    peakBytesMax: Math.max(...measurements.map((one) => one.peakBytes)),
    facts: runs.facts,
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const high = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
