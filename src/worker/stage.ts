/** The worker's other tasks: staging places, publishing, directories, removals, and the digest of whole entries. */
import { createHash } from "node:crypto";
import { must } from "../base/assert.ts";
import { type ErrorRecord, GodwitError } from "../base/errors.ts";
import type { Item, Standing } from "../model/chunk.ts";
import { sameVersion } from "../model/entry.ts";
import { displayPath } from "../model/path.ts";
import { type ItemEnding, noReceipts, type TaskResult } from "../model/task.ts";
import type { Observed } from "../ports/source.ts";
import type { Assignment } from "../ports/assignment.ts";
import { recut, refusal, type WorkerRole } from "./role.ts";

/**
 * Makes the staging place of a large entry. The entry is looked at once more: some targets must be told its attributes
 * now, and a listing may not have had them.
 */
export async function prepare(role: WorkerRole, { task, items, work, signal }: Assignment): Promise<TaskResult> {
  const item = items[0] as Item;
  const seen = await role.source.observe(item.entry, signal);
  const ending = changeOf(item, seen);
  if (ending !== null) return { type: "entry_ended", ending: recut(role.target, ending) };
  const entry = { ...item.entry, attributes: seen?.entry.attributes ?? item.entry.attributes };
  // A staging place was known before: this is a repair of what was found damaged.
  const repair = task.staging !== null;
  const { source, target } = role;
  const known = {
    metadata: seen?.metadata,
    definition: source.definition?.bind(source, entry, signal),
    columns: seen?.columns,
  };
  const staging = await target.prepare({ ...work, items: [{ ...item, entry }] }, repair, signal, known);
  if (entry.kind !== "table") return { type: "prepared", staging };
  const cut = must(source.cut?.(entry, role.chunkBytes, signal), "a source of tables cuts them");
  return { type: "prepared", staging, rowRanges: await cut };
}

/**
 * Makes entries visible. A large one was read in many pieces, so its version is checked once more; the items of other
 * rows were each read whole, between two looks at their version.
 */
export async function publish(role: WorkerRole, { task, items, work, skip, signal }: Assignment): Promise<TaskResult> {
  let observed: Observed | null = null;
  let standing: Standing | undefined;
  if (task.kind === "head") {
    const item = items[0] as Item;
    // In this order: had a newer version been published before this, the source would show it now.
    standing = await role.target.standing?.(work, signal);
    observed = await role.source.observe(item.entry, signal);
    const ending = changeOf(item, observed);
    if (ending !== null) {
      await role.target.discard(work, signal);
      return { type: "entry_ended", ending: recut(role.target, ending) };
    }
  }
  const request = { work, skip, observed, ranges: task.ranges, receipts: task.receipts, standing };
  const receipt = await role.target.publish(request, signal);
  const endings = receipt.refused.map(({ item, error }) => refusal(item, error));
  return { type: "published", endings, lost: receipt.lost };
}

export async function seal(role: WorkerRole, { work, skip, signal }: Assignment): Promise<TaskResult> {
  const receipt = await role.target.seal(await withAttributes(role, work, skip, signal), skip, signal);
  return {
    type: "sealed",
    endings: receipt.refused.map(({ item, error }) => refusal(item, error)),
    lost: receipt.lost,
  };
}

const looksAtOnce = 32;

/** A store's listing holds no attributes: they are asked for here, where they are needed. */
async function withAttributes(
  role: WorkerRole,
  work: Assignment["work"],
  skip: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<Assignment["work"]> {
  const items = [...work.items];
  const wanted = [...items.entries()].filter(
    ([index, { entry }]) => !skip.has(index) && entry.attributes === null && entry.version.kind === "object",
  );
  for (let from = 0; from < wanted.length; from += looksAtOnce) {
    await Promise.all(
      wanted.slice(from, from + looksAtOnce).map(async ([index, item]) => {
        const seen = await role.source.observe(item.entry, signal);
        if (seen !== null) items[index] = { ...item, entry: { ...item.entry, attributes: seen.entry.attributes } };
      }),
    );
  }
  return { ...work, items };
}

/** Deepest first: the items come in listing order. Nothing at all while entries of the source did not arrive. */
export async function remove(role: WorkerRole, { task, items, skip, signal }: Assignment): Promise<TaskResult> {
  const endings: ItemEnding[] = [];
  if (task.withheldBy > 0) {
    for (const [index, item] of items.entries())
      if (!skip.has(index)) endings.push(refusal(index, withheld(item, task.withheldBy)));
    return { type: "removed", count: 0, endings };
  }
  let count = 0;
  for (const [index, { entry }] of [...items.entries()].toReversed()) {
    if (skip.has(index)) continue;
    signal.throwIfAborted();
    try {
      if (await role.target.remove(entry.path, entry.kind === "directory", signal)) count += 1;
    } catch (error) {
      if (!(error instanceof GodwitError) || error.disposition === "fatal" || error.disposition === "cancelled")
        throw error;
      endings.push(refusal(index, error.toJSON()));
    }
  }
  return { type: "removed", count, endings };
}

/**
 * Reads a large landed entry once more, whole and in order: its SHA-256, and the comparison with evidence that speaks of
 * whole entries only. Every block is compared with its receipt again, so the digest is one of the source's bytes.
 */
export async function digestWhole(role: WorkerRole, { task, items, work, signal }: Assignment): Promise<TaskResult> {
  const item = items[0] as Item;
  const expectation = role.evidence === null ? null : await role.evidence.expect(item, signal);
  const whole = createHash("sha256");
  const receipts = task.ranges?.map((range) => range.receipts.digests) ?? [];
  const expected = Buffer.concat(receipts);
  let block = 0;
  let running = createHash("sha256");
  let filled = 0;
  const request = {
    work,
    receipts: task.receipts ?? noReceipts,
    skip: new Set<number>(),
    published: role.target.publishFirst,
    wantsBytes: true,
  };
  for await (const frame of role.target.readBack(request, signal)) {
    if ("end" in frame) {
      if (frame.end.outcome !== "read") return damaged(item, `ended ${frame.end.outcome}`);
      continue;
    }
    if (!("bytes" in frame)) return damaged(item, "gave no bytes");
    role.meter.add("targetBytesRead", frame.bytes.length);
    whole.update(frame.bytes);
    expectation?.update(frame.bytes);
    running.update(frame.bytes);
    filled += frame.bytes.length;
    if (filled < item.blockBytes && frame.offset + frame.bytes.length < item.length) continue;
    const digest = running.digest();
    if (Buffer.compare(digest, expected.subarray(block * 32, block * 32 + 32)) !== 0)
      return damaged(item, `gave another block ${block}`);
    block += 1;
    filled = 0;
    running = createHash("sha256");
  }
  // An entry that has become empty has one block, and no frame of it.
  if (item.length === 0 && running.digest().equals(expected)) block = 1;
  if (block * 32 !== expected.length) return damaged(item, `ended after ${block} of ${expected.length / 32} blocks`);
  const sha256 = whole.digest();
  const error = (await expectation?.objection(sha256)) ?? null;
  // It starts anew, or is given up: either way nobody will publish these bytes.
  if (error !== null && !role.target.publishFirst) await role.target.discard(work, signal);
  const evidence = expectation === null ? "one_read" : (role.evidence?.evidence ?? "one_read");
  return { type: "digested", sha256: sha256.toString("hex"), evidence, error };
}

/** What only the target has may be the earlier name of what could not be copied. */
function withheld({ entry }: Item, count: number): ErrorRecord {
  const entries = count === 1 ? "1 entry" : `${count} entries`;
  return {
    code: "deletion_withheld",
    disposition: "rejected",
    what: `${displayPath(entry.path)} was not deleted: ${entries} of the source did not arrive`,
    hint: "Mend or exclude what did not arrive, then run again: only then is anything deleted.",
  };
}

function changeOf({ entry }: Item, seen: Observed | null): ItemEnding | null {
  const what = displayPath(entry.path);
  if (seen === null) {
    const hint = "It was removed while the job ran. Nothing of it was published.";
    const error = {
      code: "source_vanished",
      disposition: "rejected",
      what: `${what} vanished from the source`,
      hint,
    } as const;
    return { item: 0, outcome: "vanished", evidence: "none", error, now: null, again: false };
  }
  if (sameVersion(entry.version, seen.entry.version) && seen.entry.sizeBytes === entry.sizeBytes) return null;
  const hint =
    "It is copied again, up to 3 times in all; then it is reported as changed. Stop its writer, or exclude it.";
  const error = {
    code: "source_changed",
    disposition: "retry",
    what: `${what} changed before it was published`,
    hint,
  } as const;
  return { item: 0, outcome: "changed", evidence: "none", error, now: seen.entry, again: false };
}

function damaged(item: Item, how: string): TaskResult {
  const error = {
    code: "digest_mismatch",
    disposition: "retry",
    what: `${displayPath(item.entry.path)} was verified, but reading it once more ${how}`,
    hint: "The target's medium or memory is not reliable. It is verified again, up to 3 times in all.",
  } as const;
  return { type: "digested", sha256: "", evidence: "none", error };
}
