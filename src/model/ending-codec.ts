/** Endings, receipts and mixed evidence of a chunk as stored. Mostly there is none, or thousands that are alike: columns, then zstd. */
import type { ErrorRecord } from "../base/errors.ts";
import { ColumnReader, ColumnWriter, damaged, getWide, WideWriter } from "./columns.ts";
import { type Entry, type Evidence, evidences, outcomes } from "./entry.ts";
import { decodeItems, encodeItems } from "./item-codec.ts";
import { type ItemEnding, noReceipts, type Receipts } from "./task.ts";

const format = 1;
const flags = { again: 1, error: 2, now: 4 } as const;
const digestBytes = 32;

/** Takes endings one by one and keeps no object of those that need no words. */
export class EndingWriter {
  readonly #items = new WideWriter();
  readonly #outcomes = new ColumnWriter();
  readonly #evidences = new ColumnWriter();
  readonly #marks = new ColumnWriter();
  readonly #errors: ErrorRecord[] = [];
  readonly #now: Entry[] = [];
  #count = 0;

  add({ item, outcome, evidence, error, now, again }: ItemEnding): void {
    this.#items.push(item);
    this.#outcomes.byte(outcomes.indexOf(outcome));
    this.#evidences.byte(evidences.indexOf(evidence));
    this.#marks.byte((again ? flags.again : 0) + (error === null ? 0 : flags.error) + (now === null ? 0 : flags.now));
    if (error !== null) this.#errors.push(error);
    if (now !== null) this.#now.push(now);
    this.#count += 1;
  }

  /** No endings are no bytes at all. */
  finish(): Uint8Array {
    if (this.#count === 0) return new Uint8Array(0);
    const writer = new ColumnWriter();
    writer.varint(this.#count);
    writer.wide(this.#items.column());
    for (const column of [this.#outcomes, this.#evidences, this.#marks]) writer.raw(column.bytes);
    const text = Buffer.from(this.#errors.length === 0 ? "" : JSON.stringify(this.#errors), "utf8");
    writer.varint(text.length);
    writer.raw(text);
    const entries = this.#now.length === 0 ? new Uint8Array(0) : encodeItems(this.#now.map(asItem));
    writer.varint(entries.length);
    writer.raw(entries);
    return writer.finish(format);
  }
}

export function encodeEndings(endings: readonly ItemEnding[]): Uint8Array {
  const writer = new EndingWriter();
  for (const ending of endings) writer.add(ending);
  return writer.finish();
}

/** @throws state_unusable when the bytes are damaged or of a later format */
export function decodeEndings(bytes: Uint8Array): ItemEnding[] {
  if (bytes.length === 0) return [];
  const reader = new ColumnReader(bytes, format);
  const count = reader.count(3);
  const items = reader.wide(count);
  const ends = reader.raw(count);
  const proofs = reader.raw(count);
  const marks = reader.raw(count);
  const text = reader.raw(reader.varint()).toString("utf8");
  const errors = text === "" ? [] : parseErrors(text);
  const entries = reader.raw(reader.varint());
  const now = entries.length === 0 ? [] : decodeItems(entries);
  reader.end();
  let said = 0;
  let next = 0;
  return Array.from({ length: count }, (_, index): ItemEnding => {
    const mark = marks[index] ?? 0;
    const outcome = outcomes[ends[index] ?? -1];
    const evidence = evidences[proofs[index] ?? -1];
    if (outcome === undefined || evidence === undefined) throw damaged("outcome");
    const error = (mark & flags.error) === 0 ? null : (errors[said++] ?? null);
    const entry = (mark & flags.now) === 0 ? null : (now[next++]?.entry ?? null);
    return { item: getWide(items, index), outcome, evidence, error, now: entry, again: (mark & flags.again) !== 0 };
  });
}

/** Digests are random, hence stored as they are; tags only where the target gives some. */
export function encodeReceipts(receipts: Receipts): Uint8Array {
  if (receipts.count === 0) return new Uint8Array(0);
  const tags = receipts.tags === null ? new Uint8Array(0) : encodeTags(receipts.tags);
  const out = new Uint8Array(1 + receipts.count * digestBytes + tags.length);
  out[0] = receipts.tags === null ? format : format | 0x80;
  out.set(receipts.digests, 1);
  out.set(tags, 1 + receipts.count * digestBytes);
  if (receipts.tags === null) return out;
  // The number of blocks must be known to find the tags: it closes the list.
  const closed = new Uint8Array(out.length + 4);
  closed.set(out);
  new DataView(closed.buffer).setUint32(out.length, receipts.count, true);
  return closed;
}

/** @throws state_unusable when the bytes are damaged or of a later format */
export function decodeReceipts(bytes: Uint8Array): Receipts {
  if (bytes.length === 0) return noReceipts;
  const body = bytes.subarray(1);
  if (bytes[0] === format) {
    if (body.length % digestBytes !== 0) throw damaged("digests");
    return { count: body.length / digestBytes, digests: body, tags: null };
  }
  if (bytes[0] !== (format | 0x80) || body.length < 4) throw damaged("receipts");
  const count = new DataView(body.buffer, body.byteOffset).getUint32(body.length - 4, true);
  if (count * digestBytes > body.length - 4) throw damaged("receipts");
  const tags = decodeTags(body.subarray(count * digestBytes, -4));
  if (tags.length !== count) throw damaged("tags");
  return { count, digests: body.subarray(0, count * digestBytes), tags };
}

/** One byte an item before zstd: kept only where the items of a chunk differ. */
export function encodeEvidence(each: readonly Evidence[]): Uint8Array {
  const writer = new ColumnWriter();
  writer.varint(each.length);
  for (const evidence of each) writer.byte(evidences.indexOf(evidence));
  return writer.finish(format);
}

/** @throws state_unusable when the bytes are damaged or of a later format */
export function decodeEvidence(bytes: Uint8Array): Evidence[] {
  const reader = new ColumnReader(bytes, format);
  const marks = reader.raw(reader.count(1));
  reader.end();
  return Array.from(marks, (mark) => {
    const evidence = evidences[mark];
    if (evidence === undefined) throw damaged("evidence");
    return evidence;
  });
}

function encodeTags(tags: readonly (string | null)[]): Uint8Array {
  const writer = new ColumnWriter();
  writer.varint(tags.length);
  writer.strings(tags, "utf8");
  return writer.finish(format);
}

function decodeTags(bytes: Uint8Array): (string | null)[] {
  const reader = new ColumnReader(bytes, format);
  const tags = reader.strings(reader.count(1), "utf8");
  reader.end();
  return tags;
}

function parseErrors(text: string): readonly ErrorRecord[] {
  try {
    return JSON.parse(text) as readonly ErrorRecord[];
  } catch (error) {
    throw damaged("errors", error);
  }
}

function asItem(entry: Entry): Parameters<typeof encodeItems>[0][number] {
  return { entry, offset: 0, length: 0, blockBytes: 0, compare: false };
}
