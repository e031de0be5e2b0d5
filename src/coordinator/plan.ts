/**
 * Planning: two listings in the same order are walked side by side, each entry of the source is decided, and the
 * decisions are cut into rows. Memory holds one page of each side. The cursor is written with the rows, so that a
 * planner that dies goes on after the last row that was written: no entry twice, none left out.
 */
import { GodwitError } from "../base/errors.ts";
import type { Entry } from "../model/entry.ts";
import type { JobSpec } from "../model/job.ts";
import { orderKey } from "../model/path.ts";
import type { Clock } from "../ports/clock.ts";
import type { Loss, PlanPage, Problem, Source } from "../ports/source.ts";
import type { PlanBatch } from "../ports/store.ts";
import type { Acceptance, Target } from "../ports/target.ts";
import { NameConflicts } from "./conflict.ts";
import { Cutter, type Decision } from "./cut.ts";
import { decide, decideCheck, lacksTime, needsTime, settle } from "./decide.ts";
import { Existing } from "./existing.ts";

/** Rows are written at least this often, so that lanes find work while a long listing goes on. */
const writeIntervalMs = 1_000;
const lookUpsAtOnce = 32;
/** A directory that only the target has can hold more than memory does: it is handed on in parts of so many entries. */
const stepsMax = 1_000;

export interface PlanOptions {
  readonly spec: JobSpec;
  readonly source: Source;
  /** Null for `check`. Only asked; planning writes nothing. */
  readonly target: Pick<Target, "accepts" | "blockBytes" | "standing"> | null;
  readonly existing: Source;
  readonly clock: Clock;
  readonly cursor: string | null;
  /** How many deletions were planned before the cursor: `--max-delete` is about all of them. */
  readonly deletionsPlanned: number;
  readonly write: (batch: PlanBatch) => Promise<void>;
  readonly signal: AbortSignal;
}

interface Pair {
  listed: Listed;
  there: Entry | null;
  readonly losses: readonly Loss[];
}
/** One entry of the source, or one that only the target has. */
type Step = Pair | { readonly extra: Entry };

type Listed = { readonly key: string; readonly entry: Entry } | { readonly key: string; readonly problem: Problem };

export async function plan(options: PlanOptions): Promise<void> {
  const { spec, source, target, existing, clock, signal } = options;
  const cutter = new Cutter({
    chunkBytes: spec.chunkBytes,
    blockBytes: (size) => target?.blockBytes(size) ?? checkBlockBytes,
    wholeDigests: spec.fileDigest,
  });
  const theirs = new Existing(existing, options.cursor, signal);
  const conflicts = !source.keepsDirectories && existing.keepsDirectories ? new NameConflicts() : null;
  const wantsExtras = spec.kind === "check" || spec.delete;
  const extra = (entry: Entry): Decision | null => {
    if (!wantsExtras || (entry.kind === "directory" && !source.keepsDirectories)) return null;
    return spec.kind === "check" ? settle(entry, "extra", null) : { type: "remove", entry };
  };
  let deletions = options.deletionsPlanned;
  let writtenAtMs = clock.monotonicMs();
  const add = async (decision: Decision | null): Promise<void> => {
    if (decision === null) return;
    if (decision.type === "remove") deletions += 1;
    if (spec.maxDelete !== null && deletions > spec.maxDelete) throw tooManyDeletes(spec.maxDelete);
    cutter.add(decision);
    if (!cutter.full && clock.monotonicMs() - writtenAtMs < writeIntervalMs) return;
    await options.write(cutter.take(false));
    writtenAtMs = clock.monotonicMs();
  };
  const steps: Step[] = [];
  const takeSteps = async (): Promise<void> => {
    await fetchTimes(
      options,
      steps.filter((step) => "listed" in step),
    );
    for (const step of steps.splice(0)) {
      await add("extra" in step ? extra(step.extra) : decidePair(options, step, { conflicts, extra }));
    }
  };
  for await (const page of source.plan(options.cursor, signal)) {
    signal.throwIfAborted();
    for (const one of inOrder(page)) {
      for (let only = await theirs.nextBefore(one.key); only !== null; only = await theirs.nextBefore(one.key)) {
        if (wantsExtras) steps.push({ extra: only });
        if (steps.length >= stepsMax) await takeSteps();
      }
      steps.push({ ...asHeld(target, one), there: theirs.at(one.key) });
    }
    await takeSteps();
  }
  if (wantsExtras) {
    for await (const entry of theirs.rest()) await add(extra(entry));
  }
  await options.write(cutter.take(true));
}

interface Rules {
  readonly conflicts: NameConflicts | null;
  readonly extra: (entry: Entry) => Decision | null;
}

function decidePair(options: PlanOptions, { listed, there, losses }: Pair, { conflicts, extra }: Rules): Decision {
  const { spec, target, existing } = options;
  if ("problem" in listed) return decideProblem(spec, listed.problem, there === null ? null : extra(there));
  const { entry } = listed;
  const conflict = conflicts?.check(entry.path, entry.kind === "directory") ?? null;
  if (spec.kind === "check") return decideCheck(entry, there, existing.keepsDirectories);
  const accepted: Acceptance =
    conflict === null
      ? (target?.accepts(entry) ?? { ok: true, as: entry.kind, losses: [] })
      : { ok: false, error: conflict };
  return withStanding(options, decide(spec, entry, there, withLosses(accepted, losses)), there);
}

const checkBlockBytes = 8 * 1024 * 1024;

function* mergeKeys(page: PlanPage): Generator<Listed> {
  const problems = page.problems.map((problem) => ({
    key: orderKey(problem.path, problem.isDirectory) as string,
    problem,
  }));
  let next = 0;
  for (const entry of page.entries) {
    const key = orderKey(entry.path, entry.kind === "directory") as string;
    while (next < problems.length && (problems[next] as { key: string }).key < key) {
      yield problems[next] as Listed;
      next += 1;
    }
    yield { key, entry };
  }
  yield* problems.slice(next);
}

function inOrder(page: PlanPage): readonly Listed[] {
  return [...mergeKeys(page)];
}

/** A hard link that counts as a file, or lands as one, is a plain file from here on. What is lost by that is kept. */
function asHeld(target: PlanOptions["target"], one: Listed): { listed: Listed; losses: readonly Loss[] } {
  if ("problem" in one || one.entry.kind !== "hardlink") return { listed: one, losses: [] };
  const accepted: Acceptance = target?.accepts(one.entry) ?? { ok: true, as: "file", losses: [] };
  if (!accepted.ok || accepted.as !== "file") return { listed: one, losses: [] };
  return { listed: { key: one.key, entry: { ...one.entry, kind: "file", link: null } }, losses: accepted.losses };
}

function withLosses(acceptance: Acceptance, more: readonly Loss[]): Acceptance {
  if (!acceptance.ok || more.length === 0) return acceptance;
  return { ...acceptance, losses: [...more, ...acceptance.losses] };
}

/** The listing of the target was read before the source is: what it shows is older than any version to come. */
function withStanding({ target }: PlanOptions, decision: Decision, there: Entry | null): Decision {
  if (decision.type !== "move" || target?.standing === undefined) return decision;
  if (there === null) return { ...decision, standing: null };
  return there.version.kind === "object" ? { ...decision, standing: there.version.etag } : decision;
}

/**
 * A listed path that the source no longer has is what `--delete` is told to remove. Where the target does not have it
 * either, or where it only leads to what was listed, nothing is to be done; it is counted all the same.
 */
function decideProblem(spec: JobSpec, problem: Problem, extra: Decision | null): Decision {
  const isAbsent = spec.filesFrom !== null && problem.outcome === "vanished";
  if (isAbsent && extra !== null && problem.onTheWay !== true) return extra;
  return settleProblem(isAbsent && spec.delete ? { ...problem, outcome: "filtered" } : problem);
}

function settleProblem({ path, isDirectory, sizeBytes, outcome, error }: Problem): Decision {
  const entry: Entry = {
    path,
    kind: isDirectory ? "directory" : "file",
    sizeBytes,
    version: { kind: "object", etag: "", versionId: null, modifiedMs: 0 },
    attributes: null,
    link: null,
    sparse: false,
  };
  return { type: "settle", entry, ending: { outcome, evidence: "none", error } };
}

/** Where a store's listing lacks the kept modification time, each candidate is asked for it, some at a time. */
async function fetchTimes(
  { spec, source, existing, signal }: PlanOptions,
  pairs: { listed: Listed; there: Entry | null }[],
): Promise<void> {
  const wanted = pairs.filter(({ listed, there }) => "entry" in listed && needsTime(spec, listed.entry, there));
  for (let from = 0; from < wanted.length; from += lookUpsAtOnce) {
    await Promise.all(
      wanted.slice(from, from + lookUpsAtOnce).map(async (pair) => {
        const { listed, there } = pair;
        if (there === null || !("entry" in listed)) return;
        if (lacksTime(there)) pair.there = (await existing.observe(there, signal))?.entry ?? null;
        if (!lacksTime(listed.entry)) return;
        const seen = await source.observe(listed.entry, signal);
        if (seen !== null) pair.listed = { ...listed, entry: { ...listed.entry, attributes: seen.entry.attributes } };
      }),
    );
  }
}

function tooManyDeletes(limit: number): GodwitError {
  return new GodwitError("too_many_deletes", {
    disposition: "fatal",
    what: `more than ${limit} entries of the target have no counterpart in the source`,
    hint: "Nothing was deleted. Check that the source is the right one and mounted, or raise --max-delete.",
  });
}
