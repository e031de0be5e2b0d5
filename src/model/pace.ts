/**
 * How fast a job has moved lately, and when it will have moved its last byte. Checkpoints note where it stands; so
 * whoever looks, also for the first time, knows at once. Where nothing was measured, nothing is said.
 */
import type { Instant } from "./chunk.ts";
import { outcomes } from "./entry.ts";
import { type Job, landedBytes, outcomeSum, type PaceSample } from "./job.ts";

/** A change of the limit shows soon, a pause of breath does not. */
const windowMs = 5 * 60_000;
/** So many are kept however old they are: of a slow job with large blocks. */
const keptLeast = 4;
/** In the first seconds often, then seldom: so that a job has few of them. */
const apart = { firstMs: 1_000, firstForMs: 20_000, laterMs: 10_000 };
/** Less than this tells more of chance than of speed. */
const measured = { changesMin: 3, spanMsMin: 5_000 };
/** A copy that is nearly as fast as its limit is held back by it. */
const heldBackAt = 0.7;
/** So far in the future no estimate means anything. */
const horizonMs = 100 * 365 * 24 * 3_600_000;

/** What is to be done, and how far that is. */
export interface WorkDone {
  readonly landed: number;
  readonly proven: number;
  readonly total: number;
}

export function workOf({ spec, counters }: Pick<Job, "spec" | "counters">): WorkDone {
  const ended = outcomes.reduce((sum, outcome) => sum + outcomeSum(counters, outcome).bytes, 0);
  const { listedBytes = 0, bytesVerified = 0 } = counters;
  if (spec.kind === "check") return { landed: ended, proven: ended, total: listedBytes };
  const settled = ended - outcomeSum(counters, "verified").bytes;
  return { landed: landedBytes(counters), proven: bytesVerified, total: Math.max(0, listedBytes - settled) };
}

/** Notes where a job stands, unless it was noted a moment ago or nothing has moved since. */
export function paceAfter(job: Pick<Job, "spec" | "counters" | "pace">, now: Instant): readonly PaceSample[] {
  const { pace } = job;
  const { landed, proven } = workOf(job);
  const [first, last] = [pace[0], pace.at(-1)];
  const sample = { at: now, landed, proven };
  // The clock of the Store was set back.
  if (first === undefined || last === undefined || last.at > now) return [sample];
  const apartMs = last.at - first.at < apart.firstForMs ? apart.firstMs : apart.laterMs;
  if (now - last.at < apartMs || (last.landed === landed && last.proven === proven)) return pace;
  const all = [...pace, sample];
  const recent = all.findIndex(({ at }) => now - at <= windowMs);
  return all.slice(Math.max(0, Math.min(recent, all.length - keptLeast)));
}

/**
 * @returns when the job will have moved and proven its last byte; null while its source is listed, before it has moved
 * a few times, while nothing moves, when all is done, and while it does not run
 */
export function estimatedEnd(job: Job, now: Instant): Instant | null {
  const { pace } = job;
  const last = pace.at(-1);
  if (job.status !== "running" || !job.planDone || last === undefined) return null;
  const { proven, total } = workOf(job);
  if (proven >= total) return null;
  const landing = rateOf(pace, "landed", now);
  const proving = rateOf(pace, "proven", now);
  const toLand = Math.max(0, total - last.landed);
  const perMs = landing === null ? null : Math.min(landing, limitPerMs(job));
  if (toLand > 0 && perMs === null) return null;
  const landMs = perMs === null ? 0 : toLand / perMs;
  const tailMs = proving === null ? unseenTailMs(job, last, landing) : tailOf(total - last.proven, proving, landMs);
  if (tailMs === null) return null;
  const end = last.at + landMs + tailMs;
  return end - now > horizonMs ? null : Math.round(Math.max(now, end));
}

/** What is verified after the last byte has landed. */
function tailOf(toProve: number, provingPerMs: number, landMs: number): number {
  return Math.max(0, toProve / provingPerMs - landMs);
}

/** Nothing was seen of its verification: it is taken to keep up with the copy, and to be as fast, unless a limit slows that. */
function unseenTailMs(job: Job, { landed, proven }: PaceSample, landingPerMs: number | null): number | null {
  if (landed <= proven) return 0;
  if (landingPerMs === null) return null;
  return landingPerMs > limitPerMs(job) * heldBackAt ? 0 : (landed - proven) / landingPerMs;
}

/**
 * From one change to another, so that steps of any size give their true speed; what stands still for longer than it
 * used to is slower. @returns bytes a millisecond; null where nothing can be said
 */
function rateOf(pace: readonly PaceSample[], key: "landed" | "proven", now: Instant): number | null {
  const changes = pace.filter((sample, at) => sample[key] !== pace[at - 1]?.[key]);
  const [first, last] = [changes[0], changes.at(-1)];
  if (first === undefined || last === undefined || changes.length < measured.changesMin) return null;
  if (last.at - first.at < measured.spanMsMin) return null;
  const usualMs = (2 * (last.at - first.at)) / (changes.length - 1);
  const rate = (last[key] - first[key]) / (Math.max(last.at, now - usualMs) - first.at);
  return rate > 0 ? rate : null;
}

function limitPerMs({ terms, limits }: Pick<Job, "terms" | "limits">): number {
  return Math.min(terms.limitBytesPerSecond ?? Infinity, limits.at(-1)?.bytesPerSecond ?? Infinity) / 1_000;
}
