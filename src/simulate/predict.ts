/** A scenario's prediction: what the simulation saw, beside what a division says, and what a deadline asks for. */
import type { Instant } from "../model/chunk.ts";
import { cappedTransferMs, capsByMinute, requiredRate, transferMs } from "./arithmetic.ts";
import type { Peak } from "./load-meter.ts";
import type { Scale } from "./scale.ts";
import { noFailures, type Scenario } from "./scenario.ts";
import { fleetRate, simulate, type Simulated, type SimulateOptions } from "./simulate.ts";
import { percentile, type RetryCount, type RetryReason, retryReasons, type Stretch } from "./tally.ts";

const hourMs = 3_600_000;
/** What falls short by no more is raised by as much, and simulated again. */
const nearly = 1.2;
/** The last chunks take a little longer than their part. */
const margin = 1.003;
const triesMax = 2;

export interface Prediction {
  readonly scenario: Scenario;
  readonly seed: number;
  /** Bytes by what the workers move together, nothing in the way. */
  readonly pureTransferMs: number;
  /** The same under the caps of the source, by the clock; null: never, or not within years. */
  readonly cappedTransferMs: number | null;
  readonly durationMs: number | null;
  readonly withoutFailuresMs: number | null;
  readonly scale: Scale;
  readonly simulatedUntilMs: number;
  readonly detailMs: number;
  /** Of the duration, as a part of it: two standard errors. */
  readonly error: number;
  readonly sourceBytes: number;
  readonly retries: Readonly<Record<RetryReason, RetryCount>>;
  readonly workerDeaths: number;
  readonly workerStalls: number;
  readonly coordinatorDeaths: number;
  readonly takeoverMs: Spread | null;
  readonly verificationLagMs: Spread | null;
  readonly peakSecond: Peak;
  readonly peakMinute: Peak;
  /** Of what the caps allowed while the job ran; null where none was in force, or none allowed anything. */
  readonly budgetUsed: number | null;
  readonly failedEntries: number;
  readonly troubles: ReadonlyMap<string, number>;
  readonly deadline: DeadlineAnswer | null;
  readonly stretches: readonly Stretch[];
}

export interface Spread {
  readonly median: number;
  readonly most: number;
}

export interface DeadlineAnswer {
  readonly deadlineMs: number;
  readonly requiredBytesPerSecond: number;
  readonly isMet: boolean;
  /** What would meet it, as far as caps and workers decide; null when it is met. */
  readonly needed: (Needed & { readonly durationMs: number | null }) | null;
}

export interface Needed {
  /** What the source would have to allow at all hours; null: what it allows is enough. */
  readonly capBytesPerSecond: number | null;
  /** Of the scenario's kind; null: those that there are are enough. */
  readonly workers: number | null;
}

/** What a prediction simulates: the scenario, the same without failures, and with what its deadline needs. */
export type SimulatedRun = "as_given" | "without_failures" | "as_needed";

export interface PredictOptions extends Omit<SimulateOptions, "onTime"> {
  /** After each look: how much of the fleet's time is over in that simulation. */
  readonly onTime?: (run: SimulatedRun, simulatedMs: number) => void;
}

/** @throws what a defect throws; the signal's reason */
export async function predict(options: PredictOptions): Promise<Prediction> {
  const { scenario, seed } = options;
  const seen = await simulateAs("as_given", options);
  const calm = hasFailures(scenario)
    ? await simulateAs("without_failures", { ...options, scenario: { ...scenario, failures: noFailures } })
    : seen;
  const capped = cappedMs(scenario);
  const part = seen.durationMs === null ? 1 : Math.max(1, seen.durationMs / Math.max(1, seen.simulatedUntilMs));
  const retries = mapRetries(seen, part);
  const wasted = Object.values(retries).reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    scenario,
    seed,
    pureTransferMs: transferMs(scenario.data.bytes, fleetRate(scenario)),
    cappedTransferMs: capped,
    durationMs: seen.durationMs,
    withoutFailuresMs: calm.durationMs,
    scale: seen.scale,
    simulatedUntilMs: seen.simulatedUntilMs,
    detailMs: seen.detailMs,
    error: 2 * seen.standardError,
    sourceBytes: seen.durationMs === null ? seen.sourceBytes : scenario.data.bytes + wasted,
    retries,
    workerDeaths: Math.round(seen.tally.workerDeaths * part),
    workerStalls: Math.round(seen.tally.workerStalls * part),
    coordinatorDeaths: Math.round(seen.tally.coordinatorDeaths * part),
    takeoverMs: spreadOf(seen.tally.takeoversMs),
    verificationLagMs: spreadOf(seen.tally.lagsMs),
    peakSecond: seen.peakSecond,
    peakMinute: seen.peakMinute,
    budgetUsed: budgetUsed(seen.tally.stretches),
    failedEntries: seen.failedEntries,
    troubles: seen.tally.troubles,
    deadline: await answerDeadline(options, seen.durationMs, capped),
    stretches: seen.tally.stretches,
  };
}

function simulateAs(run: SimulatedRun, { onTime, ...options }: PredictOptions): Promise<Simulated> {
  return simulate({ ...options, onTime: (simulatedMs) => onTime?.(run, simulatedMs) });
}

function hasFailures({ failures }: Scenario): boolean {
  return Object.values({ ...failures, stallMs: 0 }).some((rate) => rate > 0);
}

/** What the workers that are there at that moment move together. */
function possibleAt({ workers, start }: Scenario, at: Instant): number {
  const since = at - start;
  const there = workers.shifts.filter(
    ({ fromMs, untilMs }) => since >= fromMs && (untilMs === null || since < untilMs),
  );
  return there.reduce((sum, { count }) => sum + count, workers.count) * workers.bytesPerSecond;
}

function cappedMs(scenario: Scenario): number | null {
  const possible = (at: Instant): number => possibleAt(scenario, at);
  return cappedTransferMs(scenario.data.bytes, scenario.start, { cap: capsByMinute(scenario.source), possible });
}

function mapRetries({ tally }: Simulated, part: number): Record<RetryReason, RetryCount> {
  const scaled = retryReasons.map((reason) => {
    const { count, bytes } = tally.retries[reason];
    return [reason, { count: Math.round(count * part), bytes: Math.round(bytes * part) }] as const;
  });
  return Object.fromEntries(scaled) as Record<RetryReason, RetryCount>;
}

function spreadOf(values: readonly number[]): Spread | null {
  const median = percentile(values, 0.5);
  return median === null ? null : { median, most: percentile(values, 1) ?? median };
}

function budgetUsed(stretches: readonly Stretch[]): number | null {
  let [used, allowed] = [0, 0];
  for (const { ms, sourceBytes, capBytesPerSecond } of stretches) {
    if (capBytesPerSecond === null) continue;
    used += sourceBytes;
    allowed += (capBytesPerSecond * ms) / 1_000;
  }
  return allowed === 0 ? null : used / allowed;
}

/**
 * What is lost beside pure transfer (verification that lags, the beginning and the end, failures) is lost at another pace
 * too: what is needed is a little more than the division says.
 * @param durationMs as it is predicted. @param idealMs by division, under the caps
 */
export function neededFor(
  scenario: Scenario,
  deadlineMs: number,
  { durationMs, idealMs }: { readonly durationMs: number | null; readonly idealMs: number | null },
): Needed {
  const { data, source, workers } = scenario;
  const losses = durationMs === null || idealMs === null ? 1 : Math.max(1, durationMs / idealMs);
  const needed = requiredRate(data.bytes, deadlineMs) * losses * margin;
  const cap = allowedOn(scenario, deadlineMs) >= needed ? null : needed;
  const count = fleetRate(scenario) >= needed ? null : Math.ceil(needed / workers.bytesPerSecond);
  if (cap !== null || count !== null) return { capBytesPerSecond: cap, workers: count };
  // Each is enough by itself, and not at the same hours: the cap is what can be evened out.
  return isCapped(source)
    ? { capBytesPerSecond: needed, workers: null }
    : {
        capBytesPerSecond: null,
        workers: Math.ceil(workers.count * Math.max(1, (durationMs ?? 2 * deadlineMs) / deadlineMs)),
      };
}

/** With that cap at all hours, and so many workers. */
export function withNeeded(scenario: Scenario, { capBytesPerSecond, workers }: Needed): Scenario {
  const { source } = scenario;
  const limit = { statedPeakBytesPerSecond: null, timetable: null };
  return {
    ...scenario,
    source:
      capBytesPerSecond === null ? source : { ...source, ...limit, limitBytesPerSecond: Math.ceil(capBytesPerSecond) },
    workers: { ...scenario.workers, count: workers ?? scenario.workers.count },
  };
}

/** What is needed is simulated too, and raised where it falls short by a little. */
async function answerDeadline(
  options: PredictOptions,
  durationMs: number | null,
  idealMs: number | null,
): Promise<DeadlineAnswer | null> {
  const { scenario } = options;
  const { deadlineMs } = scenario;
  if (deadlineMs === null) return null;
  const requiredBytesPerSecond = requiredRate(scenario.data.bytes, deadlineMs);
  const isMet = durationMs !== null && durationMs <= deadlineMs;
  if (isMet) return { deadlineMs, requiredBytesPerSecond, isMet, needed: null };
  let wanted = neededFor(scenario, deadlineMs, { durationMs, idealMs });
  for (let tries = 1; ; tries += 1) {
    const { durationMs: thenMs } = await simulateAs("as_needed", {
      ...options,
      scenario: withNeeded(scenario, wanted),
    });
    const short = (thenMs ?? Infinity) / deadlineMs;
    if (short <= 1 || short > nearly || tries === triesMax)
      return { deadlineMs, requiredBytesPerSecond, isMet, needed: { ...wanted, durationMs: thenMs } };
    const { capBytesPerSecond: cap, workers } = wanted;
    wanted = {
      capBytesPerSecond: cap === null ? null : cap * short * margin,
      workers: workers === null ? null : Math.ceil(workers * short),
    };
  }
}

export function isCapped({ statedPeakBytesPerSecond, limitBytesPerSecond, timetable }: Scenario["source"]): boolean {
  return statedPeakBytesPerSecond !== null || limitBytesPerSecond !== null || timetable !== null;
}

/** Bytes per second, over the hours until the deadline on average; what has no cap is read as fast as workers go. */
function allowedOn(scenario: Scenario, ms: number): number {
  const cap = capsByMinute(scenario.source);
  const hours = Math.max(1, Math.min(24 * 7 * 5, Math.ceil(ms / hourMs)));
  let sum = 0;
  for (let hour = 0; hour < hours; hour += 1) sum += cap(scenario.start + hour * hourMs) ?? fleetRate(scenario);
  return isCapped(scenario.source) ? sum / hours : Infinity;
}
