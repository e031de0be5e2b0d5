/**
 * A PostgreSQL database as a target. The schema comes first, in one transaction; each range of rows is one transaction,
 * which also records it; a table gets its keys and indexes once its rows are in place, and is read back by them; foreign
 * keys, triggers and the positions of sequences come last.
 */
import type pg from "pg";
import { must } from "../../base/assert.ts";
import { GodwitError } from "../../base/errors.ts";
import type { Item, Work } from "../../model/chunk.ts";
import type { Entry } from "../../model/entry.ts";
import { type BytePath, displayPath } from "../../model/path.ts";
import { rowsTag } from "../../model/row-count.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type { Definition, Frame } from "../../ports/source.ts";
import type {
  Acceptance,
  DigestedFrame,
  Known,
  PublishRequest,
  ReadBackRequest,
  Target,
  WriteListener,
  WriteReceipt,
} from "../../ports/target.ts";
import { type Table, table } from "./catalog.ts";
import { runEach } from "./closing.ts";
import { translate } from "./errors.ts";
import { qualified, tableOf } from "./names.ts";
import type { DatabasePlace } from "./place.ts";
import { RowWriter } from "./row-writer.ts";
import { rowsOf } from "./rows.ts";
import { Session } from "./session.ts";
import { followShape } from "./shape.ts";
import { readStatement, sliceOf } from "./slices.ts";
import { leaseLost, refuseOlder, Steps } from "./steps.ts";

const nothingLost: WriteReceipt = { refused: [], lost: [] };
const schemaStep = "schema";
const afterStep = "after";

export class PostgresTarget implements Target {
  readonly location: string;
  readonly publishFirst = true;
  /** Its own cache, or the disk below: the server does not say. */
  readonly readFrom = "store";
  readonly #session: Session;

  constructor(place: DatabasePlace, _options: OpenOptions) {
    this.location = place.location;
    this.#session = new Session(place, "target");
  }

  /** @throws what logging in throws */
  async open(): Promise<void> {
    await this.#session.client();
  }

  /** The rows of a range are one block. */
  blockBytes(sizeBytes: number): number {
    return Math.max(1, sizeBytes);
  }

  accepts({ kind }: Entry): Acceptance {
    return { ok: true, as: kind, losses: [] };
  }

  async prepare(work: Work, repair: boolean, signal: AbortSignal, known?: Known): Promise<string | null> {
    const { entry } = must(work.items[0], "a head has one item");
    const definition = must(known?.definition, "a database comes with its definition");
    await this.#makeSchema(work, definition, signal);
    if (entry.kind !== "table") return null;
    const wanted = must(known?.columns, "a table comes with its columns");
    const step = tableStep(entry.path);
    return this.#session.transaction("", signal, async (client) => {
      const steps = new Steps(client, work.jobId);
      await steps.lock(step, true);
      const before = await steps.find(step, "for update");
      if (isNewer(before?.token ?? null, work)) throw leaseLost(work.chunkId);
      if (!repair) {
        // A job that begins the table anew: its shape was changed meanwhile, or an earlier answer was lost.
        await client.query(`truncate only ${qualified(tableOf(entry.path))}`);
        await steps.remove(rowsStep(entry.path, ""));
        await followShape(client, entry.path, { there: (await this.#table(entry.path)).columns, wanted });
      }
      const isAnew = !repair && isOfOther(before?.token ?? null, work);
      // Its indexes may be others too.
      const data = isAnew ? (await definition()).tables.get(entry.path) : before?.data;
      const token = tokenOf(work);
      await steps.put(step, { token, epoch: 0, data: data ?? null, isDone: !isAnew && (before?.isDone ?? false) });
      return token;
    });
  }

  async write(
    work: Work,
    frames: AsyncIterable<DigestedFrame>,
    listener: WriteListener,
    signal: AbortSignal,
  ): Promise<WriteReceipt> {
    if (work.kind !== "range") {
      // Schemas come with the first table; they have no content.
      for await (const _ of frames) signal.throwIfAborted();
      return nothingLost;
    }
    const item = must(work.items[0], "a range has one item");
    const found = await this.#table(item.entry.path);
    const token = must(work.staging, "the head of a range was prepared");
    const loaded = await this.#session
      .transaction("", signal, async (client) => {
        const steps = new Steps(client, work.jobId);
        await steps.lock(`chunk ${work.chunkId}`, true);
        const ofTable = await steps.find(tableStep(item.entry.path), "for share");
        if (ofTable?.token !== token) throw leaseLost(work.chunkId);
        const step = rowsStep(item.entry.path, String(work.chunkId));
        const before = await steps.find(step);
        refuseOlder(before, work);
        const slice = sliceOf(must(item.rows, "a range of a table has its rows"));
        const writer = new RowWriter({ client, table: found, slice, replaces: before !== null });
        const end = await writer.run(frames, signal);
        if (end.end.outcome !== "read") throw new Unread();
        const digest = Buffer.from(must(end.digest, "rows come with their digest")).toString("hex");
        await steps.put(step, { token, epoch: work.epoch ?? 0, data: digest, isDone: true });
        return { block: must(end.block, "rows are one block"), tag: rowsTag(end.end.rows ?? 0) };
      })
      .catch((error: unknown) => {
        // Why is known to whoever reads the ends of the frames; nothing was written.
        if (error instanceof Unread) return null;
        throw error;
      });
    if (loaded !== null) listener.onConfirmed(loaded);
    return nothingLost;
  }

  async *readBack({ work, skip }: ReadBackRequest, signal: AbortSignal): AsyncGenerator<Frame> {
    for (const [index, item] of work.items.entries()) {
      if (skip.has(index)) continue;
      const { entry } = item;
      if (entry.kind === "table") {
        const found = await table(this.#session, tableOf(entry.path));
        if (found === null) {
          yield { item: index, end: { outcome: "vanished", error: missing(entry.path).toJSON() } };
          continue;
        }
        yield* this.#readRows(index, item, found, signal);
      }
      yield { item: index, end: { outcome: "read", observed: { entry, xattrs: null, checksum: null } } };
    }
  }

  async publish({ work }: PublishRequest, signal: AbortSignal): Promise<WriteReceipt> {
    const { entry } = must(work.items[0], "a head has one item");
    const name = qualified(tableOf(entry.path));
    const step = tableStep(entry.path);
    await this.#session.transaction("", signal, async (client) => {
      const steps = new Steps(client, work.jobId);
      await steps.lock(step, true);
      const found = await steps.find(step, "for update");
      if (found === null || found.token !== work.staging) throw leaseLost(work.chunkId);
      if (found.isDone) return;
      await inBulk(client);
      await client.query(`${found.data ?? ""}; set search_path = ''`);
      await steps.put(step, { ...found, isDone: true });
    });
    await this.#session.rows(`analyze ${name}`);
    return nothingLost;
  }

  async seal(work: Work, skip: ReadonlySet<number>, signal: AbortSignal): Promise<WriteReceipt> {
    const failed = await this.#session.transaction("", signal, async (client) => {
      const steps = new Steps(client, work.jobId);
      await steps.lock(`chunk ${work.chunkId}`, true);
      await steps.lock(afterStep, false);
      // Gone with all others: it was done before, by somebody whose answer was lost.
      if (!(await steps.isMade())) return [];
      const after = await steps.find(afterStep, "for update");
      if (after === null) return [];
      await inBulk(client);
      const unmade = await runEach(client, after.data ?? "");
      await client.query("set search_path = ''");
      await steps.clear();
      return unmade;
    });
    const item = work.items.findIndex((_, index) => !skip.has(index));
    return failed.length === 0 ? nothingLost : { refused: [{ item, error: notMade(failed).toJSON() }], lost: [] };
  }

  remove(): Promise<boolean> {
    throw new Error("no job deletes tables");
  }

  /** What a cancelled job has loaded stays: it is in tables that somebody may look at. */
  async discard(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
  }

  /** Whoever prepares the first table makes the schema; the others wait for it. */
  async #makeSchema(work: Work, definition: () => Promise<Definition>, signal: AbortSignal): Promise<void> {
    await this.#session.transaction("", signal, async (client) => {
      const steps = new Steps(client, work.jobId);
      await steps.lock(`chunk ${work.chunkId}`, true);
      await steps.lock(schemaStep, false);
      await steps.make();
      if ((await steps.find(schemaStep)) !== null) return;
      const { before, tables, after } = await definition();
      await client.query(`${before}; set search_path = ''`);
      const step = { token: null, epoch: 0, isDone: false };
      for (const [path, data] of tables) await steps.put(tableStep(path), { ...step, data });
      await steps.put(afterStep, { ...step, data: after });
      await steps.put(schemaStep, { ...step, data: null, isDone: true });
    });
  }

  async *#readRows(index: number, { rows }: Item, found: Table, signal: AbortSignal): AsyncGenerator<Frame> {
    const slice = sliceOf(must(rows, "a range of a table has its rows"));
    const client = await this.#session.client();
    const request = {
      client,
      statement: readStatement(found, slice),
      eachRow: slice.key === null,
      budget: undefined,
      signal,
    };
    let offset = 0;
    try {
      for await (const bytes of rowsOf(request)) {
        yield { item: index, offset, bytes };
        offset += bytes.length;
      }
    } catch (error) {
      signal.throwIfAborted();
      throw translate(error, this.location);
    }
  }

  async #table(path: BytePath): Promise<Table> {
    const found = await table(this.#session, tableOf(path));
    if (found === null) throw missing(path);
    return found;
  }
}

/** The source did not give all of a range: the transaction is taken back. */
class Unread extends Error {}

/** Memory for sorts of an index, as much as is usual for a restore; a server that has more keeps it. */
async function inBulk(client: pg.Client): Promise<void> {
  await client.query(
    `select pg_catalog.set_config('maintenance_work_mem', greatest(262144, setting::bigint)::text, true)
      from pg_catalog.pg_settings where name = 'maintenance_work_mem'`,
  );
}

function tableStep(path: BytePath): string {
  return `table ${displayPath(path)}`;
}

/** No name of a table holds a slash. */
function rowsStep(path: BytePath, chunk: string): string {
  return `rows ${displayPath(path)}/${chunk}`;
}

/** Which preparation of a table its ranges belong to. */
function tokenOf({ chunkId, epoch = 0 }: Work): string {
  return `${chunkId}:${epoch}`;
}

/** Rows of the queue are numbered as they come: a later row of the same table began it anew. */
function isNewer(token: string | null, { chunkId, epoch = 0 }: Work): boolean {
  if (token === null) return false;
  const [chunk = 0, before = 0] = token.split(":").map(Number);
  return chunk > chunkId || (chunk === chunkId && before > epoch);
}

/** Another row of the queue has prepared it: the table is begun anew. */
function isOfOther(token: string | null, { chunkId }: Work): boolean {
  return token !== null && Number(token.split(":")[0]) !== chunkId;
}

function notMade(failed: readonly string[]): GodwitError {
  return new GodwitError("target_unwritable", {
    disposition: "rejected",
    what: `not made on the target: ${failed.join("; ")}`,
    hint: "All else was. Look at the tables that they are about, in this report, and make them by hand.",
  });
}

function missing(path: BytePath): GodwitError {
  return new GodwitError("target_unwritable", {
    disposition: "rejected",
    what: `table ${displayPath(path)} is not there on the target`,
    hint: "Somebody dropped or renamed it while the job ran.",
  });
}
