/**
 * How a source's cap is shared out. Each grant is reckoned by itself, from what the others hold at that moment: the aim
 * is the same for all (weighted max-min fairness: first between jobs by priority, then between the workers of a job
 * alike), and a grant is the least of the aim and of what is left. So the sum never exceeds the cap, whoever asks first,
 * and it reaches the aim when all have asked again.
 */
import type { Instant, JobId, WorkerId } from "./chunk.ts";
import type { Priority } from "./job.ts";

/** How long a grant counts in the Store. */
export const grantMs = 30_000;
/**
 * How long its worker may read under it: a second less. What the worker asks for at the end may come late and all at
 * once, and the next worker must not read in that second.
 */
export const grantMsOfWorker = grantMs - 1_000;

const renewalMsMost = 10_000;

/**
 * After so long it is asked for again: whatever changes in between waits for that. Soon, where few share a source; and
 * not so often that many keep the Store busy: a source has some 25 requests a second at most, before 250 share it.
 */
export function renewalMs({ bytesPerSecond, lanes }: Share, claimants: number): number {
  const isFree = bytesPerSecond === null && lanes === null;
  return isFree ? renewalMsMost : Math.min(renewalMsMost, Math.max(2_000, 40 * claimants));
}

/** The least is a ninth of the most, so a job never gets less than a ninth of an equal part: it yields, and goes on. */
const weights: Readonly<Record<Priority, number>> = { low: 1, normal: 3, high: 9 };

export interface Claimant {
  readonly worker: WorkerId;
  readonly jobId: JobId;
  readonly priority: Priority;
  /** Of the job, over all its workers. Null: none of its own. */
  readonly jobLimitBytesPerSecond: number | null;
  /** What it can make use of. Null: all that it gets. */
  readonly wantsBytesPerSecond: number | null;
  /**
   * What it could run of its job. 0: it reads otherwise (a listing), and is not bounded by lanes; or it has nothing to
   * read now, and wants no bytes either.
   */
  readonly lanesWanted: number;
  /** What it may be making use of now: the most of what it was given and has not given up. Null: no limit. */
  readonly counted: { readonly bytesPerSecond: number | null; readonly lanes: number };
}

export interface Caps {
  /** Null: no cap. */
  readonly bytesPerSecond: number | null;
  /** Lanes that may read at once, over all workers. Null: as many as there are. */
  readonly lanes: number | null;
  readonly now: Instant;
}

export interface Share {
  readonly bytesPerSecond: number | null;
  readonly lanes: number | null;
}

export interface Granted extends Share {
  /** What it would get if everybody had made room already. */
  readonly aim: Share;
}

/**
 * @param others on the same source, and those of the same job elsewhere (whose source was another when they asked)
 * @param isHere whether one of the others is on the same source
 */
export function grantFor(
  own: Claimant,
  others: readonly Claimant[],
  caps: Caps,
  isHere: (other: Claimant) => boolean = () => true,
): Granted {
  const here = others.filter(isHere);
  const ofJob = others.filter(({ jobId }) => jobId === own.jobId);
  const jobLimit = Math.min(...[own, ...ofJob].map(limitOf));
  const all = [own, ...here];
  // A limit that one worker knows of already binds its whole job.
  const limits = all.map((one) => (one.jobId === own.jobId ? jobLimit : limitOf(one)));
  const lanes = caps.lanes === null ? null : lanesFor(all, { ...caps, lanes: caps.lanes });
  const aimLanes = lanes?.[0] ?? null;
  const mayRead = own.lanesWanted === 0 ? own.wantsBytesPerSecond !== 0 : aimLanes !== 0;
  const isFree = mayRead && caps.bytesPerSecond === null && jobLimit === Infinity;
  const aim = isFree ? Infinity : Math.floor(bytesFor(all, { total: orInfinity(caps.bytesPerSecond), limits, lanes }));
  const left = Math.min(roomIn(orInfinity(caps.bytesPerSecond), here), roomIn(jobLimit, ofJob));
  const lanesLeft = (caps.lanes ?? 0) - sum(here.map(({ counted }) => counted.lanes));
  const ownLanes = aimLanes === null ? null : Math.max(0, Math.min(aimLanes, lanesLeft));
  // A lane in the middle of a chunk reads on as long as its worker may read. So a worker without a lane gets no bytes.
  const waits = ownLanes === 0 && own.lanesWanted > 0;
  return {
    bytesPerSecond: waits ? 0 : finite(Math.max(0, Math.floor(Math.min(aim, left)))),
    lanes: ownLanes,
    aim: { bytesPerSecond: finite(aim), lanes: aimLanes },
  };
}

/** Whoever still reads without a limit leaves nothing of what has one by now. */
function roomIn(total: number, others: readonly Claimant[]): number {
  if (total === Infinity) return Infinity;
  return total - sum(others.map(({ counted }) => orInfinity(counted.bytesPerSecond)));
}

function limitOf({ jobLimitBytesPerSecond }: Claimant): number {
  return orInfinity(jobLimitBytesPerSecond);
}

interface Bytes {
  readonly total: number;
  readonly limits: readonly number[];
  readonly lanes: readonly number[] | null;
}

/**
 * The first one's. Whoever may run no lane needs no bytes. What nobody wants goes to those with lanes, to each as much as
 * it wants in proportion: what they will want next is not known, and to have it already costs the others nothing.
 */
function bytesFor(claimants: readonly Claimant[], { total, limits, lanes }: Bytes): number {
  const runs = claimants.map(({ lanesWanted }, index) => lanesWanted > 0 && lanes?.[index] !== 0);
  const wants = claimants.map(({ wantsBytesPerSecond, lanesWanted }, index) =>
    runs[index] === true || lanesWanted === 0 ? orInfinity(wantsBytesPerSecond) : 0,
  );
  const wanted = shareOut(total, claimants, { wants, limits });
  const own = wanted[0] ?? 0;
  if (runs[0] !== true || own === Infinity || own === 0) return own;
  const ofJob = (_: unknown, index: number): boolean => claimants[index]?.jobId === claimants[0]?.jobId;
  const spare = [
    spareOf(total, wanted, runs),
    spareOf(limits[0] ?? Infinity, wanted.filter(ofJob), runs.filter(ofJob)),
  ];
  return own + Math.min(...spare);
}

/** The first one's part of what is left of the total, among those that run. */
function spareOf(total: number, wanted: readonly number[], runs: readonly boolean[]): number {
  if (total === Infinity) return Infinity;
  const left = Math.max(0, total - sum(wanted));
  return (left * (wanted[0] ?? 0)) / sum(wanted.filter((_, index) => runs[index]));
}

/**
 * Whole lanes: each gets its part, rounded up or down so that the sum is right. Who is rounded up changes every minute
 * (by the golden ratio, which comes round to everybody), so that nobody waits for ever where there are fewer lanes than
 * workers.
 */
function lanesFor(
  claimants: readonly Claimant[],
  { lanes, now }: Caps & { readonly lanes: number },
): readonly number[] {
  const order = claimants.keys().toArray();
  order.sort((a, b) => compare(claimants[a] as Claimant, claimants[b] as Claimant));
  const wants = claimants.map(({ lanesWanted }) => lanesWanted);
  const parts = shareOut(lanes, claimants, { wants, limits: null });
  let reached = (Math.floor(now / turnMs) * goldenRatio) % 1;
  const whole: number[] = [];
  for (const index of order) {
    const next = reached + (parts[index] as number);
    // Sums of fractions that should be whole may lack a little.
    whole[index] = Math.floor(next + tiny) - Math.floor(reached + tiny);
    reached = next;
  }
  return whole;
}

const turnMs = 60_000;
const goldenRatio = 0.618_033_988_749_895;
const tiny = 1e-9;

function compare(a: Claimant, b: Claimant): number {
  if (a.jobId !== b.jobId) return a.jobId < b.jobId ? -1 : 1;
  return a.worker < b.worker ? -1 : a.worker > b.worker ? 1 : 0;
}

interface Demand {
  readonly wants: readonly number[];
  /** Of the job of each. Null: none. */
  readonly limits: readonly number[] | null;
}

/** Between jobs by weight, within a job alike. */
function shareOut(total: number, claimants: readonly Claimant[], { wants, limits }: Demand): readonly number[] {
  const jobs = Map.groupBy(claimants.keys(), (index) => (claimants[index] as Claimant).jobId);
  const groups = [...jobs.values()].map((members) => {
    const most = Math.min(...members.map((index) => limits?.[index] ?? Infinity));
    const wanted = sum(members.map((index) => wants[index] as number));
    // Workers learn of a changed priority one after the other: the highest that one of them knows.
    const weight = Math.max(...members.map((index) => weights[(claimants[index] as Claimant).priority]));
    return { members, weight, most: Math.min(wanted, most) };
  });
  const ofGroups = fill(total, groups);
  const shares: number[] = [];
  for (const [at, { members }] of groups.entries()) {
    const alike = members.map((index) => ({ weight: 1, most: wants[index] as number }));
    const parts = fill(ofGroups[at] as number, alike);
    for (const [place, index] of members.entries()) shares[index] = parts[place] as number;
  }
  return shares;
}

/** Weighted max-min fairness: nobody gets more than it can use, and what one leaves goes to the others by weight. */
function fill(total: number, claims: readonly { readonly weight: number; readonly most: number }[]): readonly number[] {
  if (total === Infinity) return claims.map(({ most }) => most);
  const shares: number[] = [];
  let left = total;
  let weightLeft = sum(claims.map(({ weight }) => weight));
  const modestFirst = claims.entries().toArray();
  modestFirst.sort(([, a], [, b]) => a.most / a.weight - b.most / b.weight || 0);
  for (const [index, { weight, most }] of modestFirst) {
    const share = Math.min(most, (left * weight) / weightLeft);
    shares[index] = share;
    left -= share;
    weightLeft -= weight;
  }
  return shares;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0);
}

function orInfinity(value: number | null): number {
  return value ?? Infinity;
}

function finite(value: number): number | null {
  return value === Infinity ? null : value;
}
