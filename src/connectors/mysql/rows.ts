/**
 * The rows of one statement as values. `mysql2` prepares and executes it, and cuts the answer into packets; what it would
 * make of a row is made here instead, from the packet's bytes. Its own streams would hold a number of rows however long
 * these are, so that rows of a megabyte filled the memory: here so many bytes wait, and then the server is left waiting.
 */
import type { Connection } from "mysql2";
import type { ColumnType } from "../../model/column-type.ts";
import type { Row } from "../../model/row-value.ts";
import { BinaryRows } from "./decode.ts";
import { translate } from "./errors.ts";
import type { Session } from "./session.ts";

export interface RowsRequest {
  readonly session: Session;
  readonly statement: string;
  /** What the cells are, as `kindOf` tells it. */
  readonly kinds: readonly ColumnType[];
  readonly signal: AbortSignal;
}

/** A batch has so many rows at most, or so many bytes and the row that exceeds them. */
const batchRowsMax = 1_000;
const batchBytesMax = 512 * 1024;
/** Batches that may wait for whoever pulls. */
const waitingMax = 2;

export interface RowBatch {
  readonly rows: readonly Row[];
  /** As they came over the network. */
  readonly bytes: number;
}

/**
 * Left early, it ends the session: the server would go on sending.
 * @throws what the server says, in our words; the signal's reason
 */
export async function* rowsOf({ session, statement, kinds, signal }: RowsRequest): AsyncGenerator<RowBatch> {
  signal.throwIfAborted();
  const connection = await session.connection(signal);
  const answer = new Answer(connection, statement, kinds);
  const onAbort = (): void => answer.break(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    for (;;) {
      const batch = await answer.take();
      if (batch === null) return;
      yield batch;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw translate(error, session.where);
  } finally {
    signal.removeEventListener("abort", onAbort);
    answer[Symbol.dispose]();
    if (!answer.isComplete) await session.terminate(connection);
  }
}

/** Of `mysql2`, what is not in its types. */
interface Packet {
  readonly buffer: Buffer;
  readonly offset: number;
  readonly end: number;
}

interface Field {
  readonly columnType: number;
}

interface Command {
  buildParserFromFields: (fields: readonly Field[]) => new () => { next(packet: Packet): null };
  on(event: "error", heard: (error: Error) => void): void;
  on(event: "end", heard: () => void): void;
}

class Answer implements Disposable {
  isComplete = false;
  readonly #connection: Connection;
  readonly #waiting: RowBatch[] = [];
  #rows: Row[] = [];
  #bytes = 0;
  #failure: { readonly cause: unknown } | null = null;
  #news = Promise.withResolvers<void>();

  /** A command without a callback does not hear that its connection broke: only the connection tells it. */
  readonly #onBroken = (error: unknown = new Error("the connection ended")): void => this.break(error);

  constructor(connection: Connection, statement: string, kinds: readonly ColumnType[]) {
    this.#connection = connection;
    connection.on("error", this.#onBroken);
    connection.on("end", this.#onBroken);
    const command = connection.execute(statement) as unknown as Command;
    command.buildParserFromFields = (fields) => {
      const rows = new BinaryRows(
        fields.map(({ columnType }) => columnType),
        kinds,
      );
      const hear = (packet: Packet): void => this.#hear(rows, packet);
      return class {
        next(packet: Packet): null {
          hear(packet);
          return null;
        }
      };
    };
    command.on("error", (error) => {
      // A session that broke is not to be used again; one that refused a statement is.
      this.isComplete = !("fatal" in error && error.fatal === true);
      this.break(error);
    });
    command.on("end", () => {
      this.isComplete = true;
      this.#flush();
      this.#news.resolve();
    });
  }

  [Symbol.dispose](): void {
    this.#connection.off("error", this.#onBroken);
    this.#connection.off("end", this.#onBroken);
  }

  break(cause: unknown): void {
    this.#failure ??= { cause };
    this.#news.resolve();
  }

  /** @returns null after the last one */
  async take(): Promise<RowBatch | null> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.cause;
      const batch = this.#waiting.shift();
      if (batch !== undefined) {
        if (this.#waiting.length < waitingMax && !this.isComplete) this.#connection.resume();
        return batch;
      }
      if (this.isComplete) return null;
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
  }

  #hear(rows: BinaryRows, { buffer, offset, end }: Packet): void {
    this.#rows.push(rows.decode(buffer, offset));
    this.#bytes += end - offset;
    if (this.#rows.length < batchRowsMax && this.#bytes < batchBytesMax) return;
    this.#flush();
    if (this.#waiting.length >= waitingMax) this.#connection.pause();
    this.#news.resolve();
  }

  #flush(): void {
    if (this.#rows.length === 0) return;
    this.#waiting.push({ rows: this.#rows, bytes: this.#bytes });
    this.#rows = [];
    this.#bytes = 0;
  }
}
