/** Writes what a transition says: the row, its proof, the rows that follow, its ranges or its head. Decides nothing. */
import { must, unreachable } from "../base/assert.ts";
import type { Effects, HeadEffect } from "../model/effects.ts";
import { encodeEndings, encodeEvidence } from "../model/ending-codec.ts";
import { type ChunkEvidence, type Evidence, weakerEvidence } from "../model/entry.ts";
import { afterDamage, afterEntryEnded, afterGate } from "../model/transition.ts";
import { addChunk, noLease, placed } from "./add-chunks.ts";
import { appendProgress, clearReceipts, foldProgress } from "./blobs.ts";
import { type Loaded, loadChunk } from "./load.ts";
import { type Reader, recordEndings, recordLosses, recordVerdict } from "./proof.ts";
import { applyRanges } from "./ranges.ts";
import type { ChunkRow } from "./schema.ts";
import type { Unit } from "./unit.ts";

export interface Author extends Reader {
  /** It has just sent the chunk's bytes. */
  readonly isWriter: boolean;
}

export async function applyEffects(unit: Unit, chunk: Loaded, effects: Effects, author: Author): Promise<void> {
  const { row, view } = chunk;
  unit.count(effects.counters);
  await applyProgress(unit, row, effects);
  const { rows } = unit;
  if (effects.prehash !== undefined) rows.setBlob(row.id, "prehash", effects.prehash);
  if (Array.isArray(effects.evidence)) rows.setBlob(row.id, "evidence", encodeEvidence(effects.evidence));
  if (effects.endings.length > 0) {
    rows.setBlob(row.id, "endings", encodeEndings([...view.endings, ...effects.endings]));
    recordEndings(unit, row.id, effects.endings, view.items);
  }
  await recordLosses(unit, chunk, effects.lost);
  if (effects.verdict !== null) recordVerdict(unit, chunk, effects.verdict, author);
  // After the verdict, which is about what was confirmed.
  if (effects.progress === "clear") await clearReceipts(unit, row.id);
  for (const added of effects.add) await addChunk(unit, added);
  const openRanges = effects.ranges === null ? null : await applyRanges(unit, chunk, effects.ranges);
  moveRow(unit, row, effects, { openRanges, writer: author.isWriter ? author.worker : null });
  if (effects.head !== null) await applyHead(unit, row, effects.head, author);
}

async function applyProgress(unit: Unit, row: ChunkRow, { progress, place }: Effects): Promise<void> {
  if (progress === null) {
    // What a row confirmed before it ended badly is of no use to anybody.
    if (row.stage === "transfer" && place.stage === "done") await clearReceipts(unit, row.id);
  } else if (progress !== "clear") {
    await (place.state === "in_progress" ? appendProgress : foldProgress)(unit, row.id, progress);
  }
}

interface Extra {
  readonly openRanges: number | null;
  readonly writer: string | null;
}

function moveRow(unit: Unit, row: ChunkRow, effects: Effects, { openRanges, writer }: Extra): void {
  // Progress leaves the row as it is, with its lease.
  if (effects.place.state === "in_progress") return;
  const { staging, sha256, evidence, attempt } = effects;
  unit.moved(row, row.stage, effects.place);
  unit.rows.set(row.id, {
    ...placed(unit, row.kind, effects.place),
    ...noLease,
    attempt,
    ...(staging !== undefined && { staging }),
    ...(sha256 !== undefined && { sha256 }),
    ...(evidence !== undefined && { evidence: weakest(evidence) }),
    ...(writer !== null && { writer }),
    ...(openRanges !== null && { open_ranges: openRanges }),
  });
}

function weakest(evidence: ChunkEvidence): Evidence {
  return typeof evidence === "string" ? evidence : evidence.reduce(weakerEvidence);
}

async function applyHead(unit: Unit, range: ChunkRow, effect: HeadEffect, author: Author): Promise<void> {
  const head = await loadChunk(unit, must(range.parent_id, "a range has a head"));
  const reader: Author = { ...author, isWriter: false };
  switch (effect.type) {
    case "passed":
      return passGate(unit, head, reader);
    case "repair": {
      const effects = afterDamage(head.view);
      return effects === null ? undefined : applyEffects(unit, head, effects, reader);
    }
    case "end":
      return applyEffects(unit, head, afterEntryEnded(head.view, effect.ending), reader);
    default:
      return unreachable(effect);
  }
}

async function passGate(unit: Unit, head: Loaded, author: Author): Promise<void> {
  // A head that went back to prepare counts its ranges anew when it is done with that.
  if (head.row.state !== "waiting") return;
  const left = head.row.open_ranges - 1;
  unit.rows.set(head.row.id, { open_ranges: left });
  if (left === 0) await applyEffects(unit, head, afterGate(head.view, unit.traits), author);
}
