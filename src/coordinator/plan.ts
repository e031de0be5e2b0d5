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
import { type CutLimits, Cutter, type Decision } from "./cut.ts";
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
  const { spec, source, existing, signal } = options;
  await using theirs = new Existing(existing, options.cursor, signal);
  const wantsExtras = spec.kind === "check" || spec.delete;
  const decisions = new Decisions(options);
  for await (const page of source.plan(options.cursor, signal)) {
    signal.throwIfAborted();
    for (const one of inOrder(page)) {
      do {
        if (theirs.isUsedUp) await theirs.fetch();
        for (let only = theirs.takeBefore(one.key); only !== null; only = theirs.takeBefore(one.key))
          if (wantsExtras) decisions.add({ extra: only });
        if (decisions.areMany) await decisions.take();
      } while (theirs.isUsedUp);
      decisions.add(pairOf(options.target, one, theirs.take(one.key)));
    }
    await decisions.take();
  }
  if (wantsExtras) {
    do {
      if (theirs.isUsedUp) await theirs.fetch();
      for (const only of theirs.rest()) decisions.add({ extra: only });
      await decisions.take();
    } while (theirs.isUsedUp);
  }
  await decisions.end();
}

/** Decides what was paired, some at a time, and has it written as rows. */
class Decisions {
  readonly #options: PlanOptions;
  readonly #cutter: Cutter;
  readonly #conflicts: NameConflicts | null;
  #steps: Step[] = [];
  #deletions: number;
  #writtenAtMs: number;

  constructor(options: PlanOptions) {
    const { spec, source, target, existing, clock } = options;
    this.#options = options;
    const limits: CutLimits = {
      chunkBytes: spec.chunkBytes,
      blockBytes: (size) => target?.blockBytes(size) ?? checkBlockBytes,
      wholeDigests: spec.fileDigest,
    };
    this.#cutter = new Cutter(limits, options.cursor);
    this.#conflicts = !source.keepsDirectories && existing.keepsDirectories ? new NameConflicts() : null;
    this.#deletions = options.deletionsPlanned;
    this.#writtenAtMs = clock.monotonicMs();
  }

  /** They should be taken before more are added. */
  get areMany(): boolean {
    return this.#steps.length >= stepsMax;
  }

  add(step: Step): void {
    this.#steps.push(step);
  }

  async take(): Promise<void> {
    const steps = this.#steps;
    this.#steps = [];
    await fetchTimes(this.#options, steps);
    for (const step of steps) {
      const decision = "extra" in step ? this.#extra(step.extra) : this.#pair(step);
      if (decision === null) continue;
      if (decision.type === "remove") this.#countDeletion();
      this.#cutter.add(decision);
      // Only what needs to be waited for is: a million promises would take longer than all else here.
      if (this.#cutter.full) await this.#write();
    }
    if (this.#cutter.isEmpty) return;
    if (this.#options.clock.monotonicMs() - this.#writtenAtMs >= writeIntervalMs) await this.#write();
  }

  async end(): Promise<void> {
    await this.#options.write(this.#cutter.take(true));
  }

  async #write(): Promise<void> {
    await this.#options.write(this.#cutter.take(false));
    this.#writtenAtMs = this.#options.clock.monotonicMs();
  }

  #countDeletion(): void {
    const { maxDelete } = this.#options.spec;
    this.#deletions += 1;
    if (maxDelete !== null && this.#deletions > maxDelete) throw tooManyDeletes(maxDelete);
  }

  #extra(entry: Entry): Decision | null {
    const { spec, source } = this.#options;
    if (spec.kind === "check")
      return entry.kind === "directory" && !source.keepsDirectories ? null : settle(entry, "extra", null);
    if (!spec.delete || (entry.kind === "directory" && !source.keepsDirectories)) return null;
    return { type: "remove", entry };
  }

  #pair({ listed, there, losses }: Pair): Decision {
    const { spec, target, existing } = this.#options;
    if ("problem" in listed) return decideProblem(spec, listed.problem, there === null ? null : this.#extra(there));
    const { entry } = listed;
    const conflict = this.#conflicts?.check(entry.path, entry.kind === "directory") ?? null;
    if (spec.kind === "check") return decideCheck(entry, there, existing.keepsDirectories);
    const accepted: Acceptance =
      conflict === null
        ? (target?.accepts(entry) ?? { ok: true, as: entry.kind, losses: [] })
        : { ok: false, error: conflict };
    return withStanding(this.#options, decide(spec, entry, there, withLosses(accepted, losses)), there);
  }
}

const checkBlockBytes = 8 * 1024 * 1024;

function keyOf({ path, isDirectory }: Problem): string {
  return orderKey(path, isDirectory);
}

/** What was listed and what could not be, as the walk met them. */
function inOrder({ entries, problems }: PlanPage): readonly Listed[] {
  const listed: Listed[] = [];
  let next = 0;
  for (const entry of entries) {
    const key: string = orderKey(entry.path, entry.kind === "directory");
    for (let problem = problems[next]; problem !== undefined && keyOf(problem) < key; problem = problems[next]) {
      listed.push({ key: keyOf(problem), problem });
      next += 1;
    }
    listed.push({ key, entry });
  }
  for (const problem of problems.slice(next)) listed.push({ key: keyOf(problem), problem });
  return listed;
}

/** A hard link that counts as a file, or lands as one, is a plain file from here on. What is lost by that is kept. */
function pairOf(target: PlanOptions["target"], one: Listed, there: Entry | null): Pair {
  if ("problem" in one || one.entry.kind !== "hardlink") return { listed: one, there, losses: [] };
  const accepted: Acceptance = target?.accepts(one.entry) ?? { ok: true, as: "file", losses: [] };
  if (!accepted.ok || accepted.as !== "file") return { listed: one, there, losses: [] };
  const listed: Listed = { key: one.key, entry: { ...one.entry, kind: "file", link: null } };
  return { listed, there, losses: accepted.losses };
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
async function fetchTimes({ spec, source, existing, signal }: PlanOptions, steps: readonly Step[]): Promise<void> {
  const wanted = steps
    .filter((step) => "listed" in step)
    .filter(({ listed, there }) => "entry" in listed && needsTime(spec, listed.entry, there));
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
    hint: "Nothing was deleted. Check that the source is the right one and mounted, or run it again with a higher --max-delete and --new.",
  });
}
