/** A PostgreSQL database as a source: its tables, read as COPY frames under one exported snapshot. */
import { createHash } from "node:crypto";
import type pg from "pg";
import { must } from "../../base/assert.ts";
import { GodwitError } from "../../base/errors.ts";
import type { Item } from "../../model/chunk.ts";
import type { Entry } from "../../model/entry.ts";
import { type BytePath, displayPath, orderKey } from "../../model/path.ts";
import type { SizedRows } from "../../model/task.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type {
  BrokenEnd,
  Cursor,
  Definition,
  Frame,
  ItemEnd,
  Observed,
  OpenTable,
  PlanPage,
  Problem,
  ReadBudget,
  ReadRequest,
  Source,
} from "../../ports/source.ts";
import { schemas, type Table, table, tables } from "./catalog.ts";
import { definitionOf } from "./definition.ts";
import { uncarried } from "./uncarried.ts";
import { sqlStateOf, translate } from "./errors.ts";
import { literal, schemaPath, tableOf, tablePath } from "./names.ts";
import { openTable } from "./open-table.ts";
import type { DatabasePlace } from "./place.ts";
import { rowsOf } from "./rows.ts";
import { Session } from "./session.ts";
import { cut, readStatement, sliceOf } from "./slices.ts";

const entriesPerPage = 1_000;
const reading = "isolation level repeatable read read only";

/** What a server says of a snapshot whose session has ended, by its version and the moment. */
const snapshotGone: ReadonlySet<string> = new Set(["22023", "42704", "55000"]);

export class PostgresSource implements Source {
  readonly location: string;
  readonly keepsDirectories = true;
  readonly #place: DatabasePlace;
  readonly #options: OpenOptions;
  readonly #session: Session;
  /** Holds the snapshot that it has exported, for as long as this source is open. */
  readonly #holder: Session;
  #snapshot: Promise<string> | null = null;

  constructor(place: DatabasePlace, options: OpenOptions) {
    this.location = place.location;
    this.#place = place;
    this.#options = options;
    this.#session = new Session(place, "source");
    this.#holder = new Session(place, "source");
  }

  /** @throws what logging in throws */
  async open(): Promise<void> {
    await this.#session.client();
  }

  async *plan(after: Cursor | null, signal: AbortSignal): AsyncGenerator<PlanPage> {
    // What stands on a target already is met where its schema is made, in one transaction.
    if (this.#options.mayBeAbsent === true) return;
    if (this.#options.momentOfEach === true) {
      yield* pagesOf(await this.#listed(this.#session, null), after, signal);
      return;
    }
    const snapshot = await (this.#snapshot ??= this.#export());
    const missed = (await uncarried(this.#holder)).map((problem) => ({ key: problem.path, problem }));
    yield* pagesOf([...missed, ...(await this.#listed(this.#holder, snapshot))], after, signal);
  }

  async observe(entry: Entry, signal: AbortSignal): Promise<Observed | null> {
    signal.throwIfAborted();
    if (entry.kind !== "table") return { entry, xattrs: null, checksum: null };
    const found = await table(this.#session, tableOf(entry.path));
    if (found === null) return null;
    return { entry: asPinned(entry, found), xattrs: null, checksum: null, columns: found.columns };
  }

  async *read({ work, skip, budget }: ReadRequest, signal: AbortSignal): AsyncGenerator<Frame> {
    for (const [index, item] of work.items.entries()) {
      if (skip.has(index)) continue;
      if (item.entry.kind === "table") yield* this.#readRows(index, item, { budget, signal });
      else
        yield { item: index, end: { outcome: "read", observed: { entry: item.entry, xattrs: null, checksum: null } } };
    }
  }

  async cut(entry: Entry, chunkBytes: number, signal: AbortSignal): Promise<readonly SizedRows[]> {
    const found = await table(this.#session, tableOf(entry.path));
    if (found === null) throw gone(entry.path);
    const client = await this.#session.client(signal);
    await this.#begin(client, entry);
    try {
      return await cut(client, { ...found, bytes: entry.sizeBytes }, chunkBytes);
    } catch (error) {
      throw translate(error, this.location);
    } finally {
      await client.query("rollback").catch(() => undefined);
    }
  }

  openTable(entry: Entry, signal: AbortSignal, budget?: ReadBudget): Promise<OpenTable | null> {
    return openTable(this.#session, entry.path, { signal, budget });
  }

  /** @throws source_changed where it cannot be told any more as of that moment, and other tables are there now */
  async definition(entry: Entry, signal: AbortSignal): Promise<Definition> {
    const { snapshot, listing } = momentOf(entry);
    const client = await this.#session.client(signal);
    const isHeld = await this.#begin(client, entry);
    await client.query("rollback").catch(() => undefined);
    if (!isHeld && listingOf(await tables(this.#session)) !== listing) throw otherTables(this.location);
    return definitionOf(this.#place, this.#session, { snapshot: isHeld ? snapshot : null, signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]();
    await this.#holder[Symbol.asyncDispose]();
  }

  async #listed(session: Session, snapshot: string | null): Promise<readonly Listed[]> {
    const found = await tables(session);
    const pin = snapshot === null ? null : momentText({ snapshot, listing: listingOf(found) });
    const entries = [
      ...(await schemas(session)).map((name) => pinnedEntry(schemaPath(name), "directory", { shape: "", pin })),
      ...found.map((one) => tableEntry(one, pin)),
    ];
    return entries.map((entry) => ({ key: orderKey(entry.path, entry.kind === "directory"), entry }));
  }

  async #export(): Promise<string> {
    await this.#holder.rows(`begin ${reading}`);
    const [row] = await this.#holder.rows<{ id: string }>("select pg_catalog.pg_export_snapshot() as id");
    return must(row, "one row").id;
  }

  async *#readRows(
    index: number,
    { entry, rows: range }: Item,
    { budget, signal }: { readonly budget: ReadRequest["budget"]; readonly signal: AbortSignal },
  ): AsyncGenerator<Frame> {
    const found = await table(this.#session, tableOf(entry.path));
    if (found === null) return yield { item: index, end: { outcome: "vanished", error: gone(entry.path).toJSON() } };
    const before = changeOf(entry, found);
    if (before !== null) return yield { item: index, end: before };
    const slice = sliceOf(must(range, "a range of a table has its rows"));
    const client = await this.#session.client(signal);
    const isHeld = await this.#begin(client, entry);
    const statement = readStatement(found, slice);
    const pieces = rowsOf({ client, statement, eachRow: slice.key === null, budget, signal });
    let offset = 0;
    let rows = 0;
    let refused: Error | null = null;
    try {
      for (;;) {
        const next = await pieces.next();
        if (next.done === true) {
          ({ rows } = next.value);
          break;
        }
        yield { item: index, offset, bytes: next.value };
        offset += next.value.length;
      }
    } catch (error) {
      signal.throwIfAborted();
      // What the statement names may be gone since it was looked up.
      if (sqlStateOf(error)?.startsWith("42") !== true) throw translate(error, this.location);
      refused = translate(error, this.location) as Error;
    } finally {
      await pieces.return({ rows: 0 });
      // Nothing was written. A session that broke has ended it already.
      await client.query("rollback").catch(() => undefined);
    }
    const end = await this.#endOf(entry, rows, isHeld);
    if (refused !== null && end.outcome === "read") throw refused;
    yield { item: index, end };
  }

  /**
   * A table whose shape or file has changed since it was planned was perhaps seen empty by an older snapshot: what was
   * read of it is not to be used. Looked at after the read, since the catalog is not read under the snapshot.
   */
  async #endOf(entry: Entry, rows: number, isHeld: boolean): Promise<ItemEnd> {
    const found = await table(this.#session, tableOf(entry.path));
    if (found === null) return { outcome: "vanished", error: gone(entry.path).toJSON() };
    const change = changeOf(entry, found);
    if (change !== null) return change;
    const observed: Observed = { entry, xattrs: null, checksum: null };
    return { outcome: "read", observed, rows, ...(!isHeld && { losses: ["snapshot"] }) };
  }

  /** @returns whether it sees the rows as of the snapshot under which the entry was planned */
  async #begin(client: pg.Client, entry: Entry): Promise<boolean> {
    const { snapshot: id } = momentOf(entry);
    try {
      await client.query(`begin ${reading}`);
      if (id === null) return false;
      const isHeld = await client.query(`set transaction snapshot ${literal(id)}`).then(
        () => true,
        (error: unknown) => {
          // It died with its session: of what is left, each chunk is read as of its own moment.
          if (snapshotGone.has(sqlStateOf(error) ?? "")) return false;
          throw error;
        },
      );
      if (!isHeld) await client.query(`rollback; begin ${reading}`);
      return isHeld;
    } catch (error) {
      throw translate(error, this.location);
    }
  }
}

interface Pinned {
  readonly shape: string;
  readonly pin: string | null;
}

function pinnedEntry(path: BytePath, kind: Entry["kind"], { shape, pin }: Pinned): Entry {
  const version = { kind: "object", etag: shape, versionId: pin, modifiedMs: 0 } as const;
  return { path, kind, sizeBytes: 0, version, attributes: null, link: null, sparse: false };
}

type Listed = { readonly key: string } & ({ readonly entry: Entry } | { readonly problem: Problem });

function* pagesOf(listed: readonly Listed[], after: Cursor | null, signal: AbortSignal): Generator<PlanPage> {
  const rest = listed.filter(({ key }) => after === null || key > after).toSorted((a, b) => (a.key < b.key ? -1 : 1));
  for (let from = 0; from < rest.length; from += entriesPerPage) {
    signal.throwIfAborted();
    const page = rest.slice(from, from + entriesPerPage);
    yield {
      entries: page.flatMap((one) => ("entry" in one ? [one.entry] : [])),
      problems: page.flatMap((one) => ("problem" in one ? [one.problem] : [])),
      cursor: must(page.at(-1), "a page has entries").key,
    };
  }
}

/** When a table was planned: under which snapshot, and with which others beside it. */
interface Moment {
  readonly snapshot: string | null;
  readonly listing: string;
}

const noSnapshot = "-";

function momentText({ snapshot, listing }: Moment): string {
  return `${snapshot ?? noSnapshot} ${listing}`;
}

function momentOf({ version }: Entry): Moment {
  const [snapshot = noSnapshot, listing = ""] = version.kind === "object" ? (version.versionId?.split(" ") ?? []) : [];
  return { snapshot: snapshot === noSnapshot ? null : snapshot, listing };
}

function listingOf(found: readonly Table[]): string {
  const paths = found.map(tablePath).toSorted().join("\n");
  return createHash("sha256").update(paths).digest("hex").slice(0, 16);
}

function tableEntry(found: Table, pin: string | null): Entry {
  const entry = pinnedEntry(tablePath(found), "table", { shape: found.fingerprint, pin });
  return { ...entry, sizeBytes: Math.max(1, found.bytes) };
}

/**
 * Its size is nominal, and that of the plan: a table in use grows while it is copied. One with another shape or file is
 * read without the snapshot from then on. TRUNCATE and most of ALTER TABLE write a new file that an older snapshot sees
 * empty: the rows that came later would be missing, and nobody would know. (VACUUM FULL and CLUSTER keep what older
 * snapshots need, but the catalog does not tell them from the others.)
 */
function asPinned(entry: Entry, { fingerprint }: Table): Entry {
  const { version } = entry;
  if (version.kind !== "object" || version.etag === fingerprint) return entry;
  const versionId = momentText({ snapshot: null, listing: momentOf(entry).listing });
  return { ...entry, version: { ...version, etag: fingerprint, versionId } };
}

/** @returns null while it is as it was pinned */
function changeOf(entry: Entry, found: Table): BrokenEnd | null {
  const now = asPinned(entry, found);
  return now === entry ? null : { outcome: "changed", error: changed(entry.path).toJSON(), now };
}

function gone(path: BytePath): GodwitError {
  return new GodwitError("source_vanished", {
    disposition: "rejected",
    what: `table ${displayPath(path)} is not there any more`,
    hint: "It was dropped or renamed while the job ran. What was copied of it is not to be used.",
  });
}

function otherTables(where: string): GodwitError {
  return new GodwitError("source_changed", {
    disposition: "rejected",
    what: `${where} has other tables than when the job was planned, and the snapshot of that moment is gone`,
    hint: "Start the copy anew, into an empty database, with --new.",
  });
}

function changed(path: BytePath): GodwitError {
  return new GodwitError("source_changed", {
    disposition: "retry",
    what: `table ${displayPath(path)} was changed while it was read`,
    hint: "Its columns, its key or its file are others now. It is copied again, up to 3 times in all.",
  });
}
