/** Writes the frames of one range with one COPY, inside the transaction of its caller. */
import type pg from "pg";
import { GodwitError } from "../../base/errors.ts";
import type { DigestedFrame } from "../../ports/target.ts";
import type { Table } from "./catalog.ts";
import { CopyIn } from "./copy.ts";
import { qualified } from "./names.ts";
import { deleteStatement, type Slice, writeStatement } from "./slices.ts";

export interface RowWriterOptions {
  readonly client: pg.Client;
  readonly table: Table;
  readonly slice: Slice;
  /** An earlier attempt has loaded the range: its rows make way. */
  readonly replaces: boolean;
}

export type RangeEnd = Extract<DigestedFrame, { readonly end: unknown }>;

/** Single rows are gathered until they are worth a write. */
const gatheredBytes = 65_536;

export class RowWriter {
  readonly #options: RowWriterOptions;
  readonly #gathered = Buffer.allocUnsafeSlow(gatheredBytes);
  #waiting = 0;

  constructor(options: RowWriterOptions) {
    this.#options = options;
  }

  /** @returns the end of the range: all of it was taken where it was read whole. @throws CopyError, digest_mismatch */
  async run(frames: AsyncIterable<DigestedFrame>, signal: AbortSignal): Promise<RangeEnd> {
    const { client, table, slice, replaces } = this.#options;
    if (replaces) await client.query(deleteStatement(table, slice));
    using copy = await CopyIn.begin(client, writeStatement(table, slice));
    for await (const frame of frames) {
      signal.throwIfAborted();
      if (!("end" in frame)) {
        await this.#write(copy, frame.bytes);
        continue;
      }
      if (frame.end.outcome !== "read") return frame;
      await this.#flush(copy);
      const { rows } = await copy.finish();
      if (frame.end.rows !== rows) throw countDiffers(this.#options, frame.end.rows ?? 0, rows);
      return frame;
    }
    throw new Error("a range ends with a frame that says so");
  }

  async #write(copy: CopyIn, bytes: Uint8Array): Promise<void> {
    if (bytes.length >= gatheredBytes / 2) {
      await this.#flush(copy);
      await (copy.write(bytes) ?? undefined);
      return;
    }
    if (this.#waiting + bytes.length > gatheredBytes) await this.#flush(copy);
    this.#gathered.set(bytes, this.#waiting);
    this.#waiting += bytes.length;
  }

  async #flush(copy: CopyIn): Promise<void> {
    if (this.#waiting === 0) return;
    const bytes = this.#gathered.subarray(0, this.#waiting);
    this.#waiting = 0;
    await (copy.write(bytes) ?? undefined);
  }
}

function countDiffers({ table }: RowWriterOptions, read: number, loaded: number): GodwitError {
  return new GodwitError("digest_mismatch", {
    disposition: "retry",
    what: `${read} rows of ${qualified(table)} were read, and ${loaded} of them loaded`,
    hint: "Something on the target takes or adds rows: a rule or a trigger. The range was taken back.",
  });
}
