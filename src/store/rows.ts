/**
 * The rows that one transaction looks at. Each is read once, locked, changed here, and written at the end with all
 * others in one statement: so that the ends of many tasks cost about as many statements as that of one.
 *
 * Rows are locked in the order of their ids. A head is older than its ranges: so whoever changes a range holds its head
 * already, and two transactions never wait for each other in a circle.
 */
import { assert, must } from "../base/assert.ts";
import type { ChunkId } from "../model/chunk.ts";
import { type ChunkRow, parts, type Tx } from "./schema.ts";

export type Part = keyof typeof parts;
const partNames = Object.keys(parts) as readonly Part[];

export interface ProgressSlice {
  readonly firstBlock: number;
  /** Encoded. */
  readonly receipts: Uint8Array;
  /** Of all blocks up to the end of these. */
  readonly confirmedBytes: number;
}

/** Rows of one insert, and ids of one question: far below the number of parameters that engines take (32,766 on SQLite). */
const pageRows = 200;

interface BlobsOfChunk {
  readonly known: Map<Part, Uint8Array | null>;
  readonly dirty: Set<Part>;
}

/** Of a chunk, what changes after it was planned. */
const changing = [
  "stage",
  "state",
  "phase",
  "rank",
  "queued_at",
  "attempt",
  "staging",
  "evidence",
  "sha256",
  "open_ranges",
  "worker",
  "writer",
  "epoch",
  "leased_at",
  "expires_at",
] as const satisfies readonly (keyof ChunkRow)[];

export class Rows {
  readonly #tx: Tx;
  readonly #rows = new Map<ChunkId, ChunkRow>();
  readonly #dirty = new Set<ChunkId>();
  readonly #blobs = new Map<ChunkId, BlobsOfChunk>();
  readonly #progress = new Map<ChunkId, readonly ProgressSlice[]>();

  constructor(tx: Tx) {
    this.#tx = tx;
  }

  /** Reads and locks the rows and the heads of those that are ranges, with all that belongs to them. */
  async load(ids: readonly ChunkId[]): Promise<void> {
    const missing = ids.filter((id) => !this.#rows.has(id));
    if (missing.length === 0) return;
    const heads = this.#tx
      .selectFrom("chunks")
      .select("parent_id as id")
      .where("id", "in", missing)
      .where("parent_id", "is not", null);
    // As one set: with an `or` PostgreSQL would read the whole table.
    const both = this.#tx
      .selectFrom("chunks")
      .select("id")
      .where("id", "in", missing)
      .unionAll(heads.$castTo<{ id: ChunkId }>());
    const rows = await this.#tx
      .selectFrom("chunks")
      .selectAll()
      .where("id", "in", both)
      .orderBy("id")
      .forUpdate()
      .execute();
    await this.keep(rows);
  }

  /** Takes rows that were read and locked already. */
  async keep(rows: readonly ChunkRow[]): Promise<void> {
    const fresh = rows.filter(({ id }) => !this.#rows.has(id));
    for (const row of fresh) this.#rows.set(row.id, row);
    await this.read(fresh);
  }

  /** Only what belongs to these rows. Only a transfer has progress that is not folded. */
  async read(rows: readonly Pick<ChunkRow, "id" | "stage">[]): Promise<void> {
    const missing = rows.filter(({ id }) => !this.#blobs.has(id));
    for (const { id } of missing) this.added(id);
    const sent = missing.filter(({ stage }) => stage === "transfer");
    await Promise.all([
      ...pages(missing).map((some) => this.#readBlobs(some.map(({ id }) => id))),
      ...pages(sent).map((some) => this.#readProgress(some.map(({ id }) => id))),
    ]);
  }

  async #readBlobs(ids: readonly ChunkId[]): Promise<void> {
    const found = await this.#tx.selectFrom("blobs").selectAll().where("chunk_id", "in", ids).execute();
    for (const { chunk_id: id, part, data } of found)
      this.#blobs.get(id)?.known.set(must(partNames[part], "a part has a name"), data);
  }

  async #readProgress(ids: readonly ChunkId[]): Promise<void> {
    const found = await this.#tx
      .selectFrom("progress")
      .selectAll()
      .where("chunk_id", "in", ids)
      .orderBy("chunk_id")
      .orderBy("first_block")
      .execute();
    for (const { chunk_id: id, first_block: firstBlock, receipts, confirmed_bytes: confirmedBytes } of found)
      this.setProgress(id, [...this.progress(id), { firstBlock, receipts, confirmedBytes }]);
  }

  /** What stands in the database, with what was changed since; undefined when there is no such row. */
  get(id: ChunkId): ChunkRow | undefined {
    return this.#rows.get(id);
  }

  set(id: ChunkId, change: Partial<ChunkRow>): void {
    const row = must(this.#rows.get(id), "a row that is changed was loaded");
    this.#rows.set(id, { ...row, ...change });
    this.#dirty.add(id);
  }

  blob(id: ChunkId, part: Part): Uint8Array | null {
    return must(this.#blobs.get(id), "a chunk whose blobs are read was loaded").known.get(part) ?? null;
  }

  /** Null removes it. */
  setBlob(id: ChunkId, part: Part, data: Uint8Array | null): void {
    const blobs = must(this.#blobs.get(id), "a chunk whose blobs are written was loaded");
    if (data === null && (blobs.known.get(part) ?? null) === null) return;
    blobs.known.set(part, data);
    blobs.dirty.add(part);
  }

  /** What was confirmed inside a transfer and is not folded, in order. Whoever changes the table says so here. */
  progress(id: ChunkId): readonly ProgressSlice[] {
    return this.#progress.get(id) ?? [];
  }

  setProgress(id: ChunkId, slices: readonly ProgressSlice[]): void {
    this.#progress.set(id, slices);
  }

  /** A row that was just inserted: it has no blobs yet. */
  added(id: ChunkId): void {
    assert(!this.#blobs.has(id), "an id is given once");
    this.#blobs.set(id, { known: new Map(), dirty: new Set() });
  }

  /** Other statements change the ranges of this head: what is known of them is written before, and forgotten. */
  async release(head: ChunkId): Promise<void> {
    await this.flush();
    for (const [id, row] of this.#rows) {
      if (row.parent_id !== head) continue;
      this.#rows.delete(id);
      this.#blobs.delete(id);
      this.#progress.delete(id);
    }
  }

  /** All at once: an engine over a network answers them together. */
  async flush(): Promise<void> {
    await Promise.all([...this.#writeRows(), ...this.#writeBlobs()]);
  }

  #writeRows(): Promise<unknown>[] {
    const changed = Array.from(this.#dirty, (id) => must(this.#rows.get(id), "a changed row is known"));
    this.#dirty.clear();
    return pages(changed).map((rows) =>
      this.#tx
        .insertInto("chunks")
        .values(rows)
        .onConflict((conflict) =>
          conflict
            .column("id")
            .doUpdateSet((row) => Object.fromEntries(changing.map((name) => [name, row.ref(`excluded.${name}`)]))),
        )
        .execute(),
    );
  }

  #writeBlobs(): Promise<unknown>[] {
    const written: { chunk_id: ChunkId; part: number; data: Uint8Array }[] = [];
    const removed: Promise<unknown>[] = [];
    for (const [id, { known, dirty }] of this.#blobs) {
      for (const part of dirty) {
        const data = known.get(part) ?? null;
        if (data !== null) written.push({ chunk_id: id, part: parts[part], data });
        else {
          const of = this.#tx.deleteFrom("blobs").where("chunk_id", "=", id).where("part", "=", parts[part]);
          removed.push(of.execute());
        }
      }
      dirty.clear();
    }
    const inserted = pages(written).map((blobs) =>
      this.#tx
        .insertInto("blobs")
        .values(blobs)
        .onConflict((conflict) =>
          conflict.columns(["chunk_id", "part"]).doUpdateSet((row) => ({ data: row.ref("excluded.data") })),
        )
        .execute(),
    );
    return [...removed, ...inserted];
  }
}

export function pages<T>(rows: readonly T[]): T[][] {
  const all: T[][] = [];
  for (let at = 0; at < rows.length; at += pageRows) all.push(rows.slice(at, at + pageRows));
  return all;
}
