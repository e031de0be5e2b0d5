/** The embedded engine: one file, WAL; a commit is on the disk before it is answered (`synchronous=FULL`), but for those that may be lost. */
import { chmodSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Kysely, sql } from "kysely";
import { GodwitError } from "../../base/errors.ts";
import type { Instant, JobId } from "../../model/chunk.ts";
import type { Store } from "../../ports/store.ts";
import type { Clock } from "../../ports/clock.ts";
import { migrate } from "../migrations.ts";
import type { AnyKysely, Database, Engine, EngineTypes, Tx, Work } from "../schema.ts";
import { LocalHints } from "../local-hints.ts";
import { type State, stateOn } from "../state.ts";
import { sqliteDialect } from "./dialect.ts";
import { translate } from "./errors.ts";

export interface SqliteStoreOptions {
  /** A file, made with its directory when absent (what leads there is the caller's); or `:memory:`. */
  readonly path: string;
  readonly clock: Clock;
  /** Names a new job; see `jobIds`. */
  readonly newJobId: (now: Instant) => JobId;
  /** Whether the process of a lead's owner still runs; without it a lead is waited out. */
  readonly isAlive?: (owner: string) => boolean;
}

const types: EngineTypes = {
  bytes: "blob",
  identity: "integer primary key autoincrement",
  counter: "integer primary key",
};
/** How long a transaction waits for another process's. */
const busyMs = 10_000;
/** The log is folded into the file at this size, and cut back to it after a burst, so that state stays small. */
const walBytesMax = 4 * 2 ** 20;
const pageBytes = 4096;

/** A change of the journal's mode does not wait for other connections by itself: it is tried again, for about 10 s. */
const openTriesMax = 100;
const openPauseMs = 100;

/** @throws state_unusable, state_version, disk_full, store_busy */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  return (await openSqliteState(options)).store;
}

/** The Store and what else is kept beside it, in one file: it ends with the Store. @throws as above */
export async function openSqliteState(options: SqliteStoreOptions): Promise<State> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await openOnce(options);
    } catch (error) {
      if (!(error instanceof GodwitError) || error.code !== "store_busy" || tries === openTriesMax) throw error;
      await options.clock.sleep(openPauseMs);
    }
  }
}

async function openOnce(options: SqliteStoreOptions): Promise<State> {
  try {
    return await openStateOn(openFile(options.path), options);
  } catch (error) {
    throw translate(error, options.path);
  }
}

/** On a database that the caller has opened, and that ends with the Store. @throws state_unusable, state_version */
export async function openStateOn(database: DatabaseSync, options: SqliteStoreOptions): Promise<State> {
  const { path, clock, newJobId, isAlive } = options;
  let db: AnyKysely | null = null;
  try {
    db = new Kysely<Database>({ dialect: sqliteDialect(database) });
    const engine = sqliteEngine(db, path, clock);
    await engine.write(async (tx) => {
      await refuseStranger(tx, path);
      await migrate(tx, types);
    });
    return stateOn({ engine, newJobId, isAlive: isAlive ?? (() => true), hints: new LocalHints() });
  } catch (error) {
    await db?.destroy();
    throw translate(error, path);
  }
}

function openFile(path: string): DatabaseSync {
  if (path !== ":memory:") makeDirectory(dirname(path));
  const database = new DatabaseSync(path, { timeout: busyMs });
  try {
    // Before anything is in it; its -wal and -shm take the mode of the file.
    if (path !== ":memory:") chmodSync(path, 0o600);
    database.exec(
      `pragma journal_mode = wal; pragma synchronous = full;
       pragma wal_autocheckpoint = ${walBytesMax / pageBytes}; pragma journal_size_limit = ${walBytesMax};
       pragma temp_store = memory;`,
    );
  } catch (error) {
    database.close();
    throw error;
  }
  return database;
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") return;
    throw new GodwitError("state_unusable", {
      disposition: "fatal",
      what: `the state directory ${directory} cannot be made (${error instanceof Error ? error.message : String(error)})`,
      hint: "Check the modes of the directories above it, or name another one with --state.",
      cause: error,
    });
  }
}

async function refuseStranger(tx: Tx, path: string): Promise<void> {
  const { rows } = await sql<{ name: string }>`select name from sqlite_master where type = 'table'`.execute(tx);
  if (rows.length === 0 || rows.some((row) => row.name === "godwit_schema")) return;
  throw new GodwitError("state_unusable", {
    disposition: "fatal",
    what: `${path} is a database, but not one of Godwit's`,
    hint: "Name another directory with --state.",
  });
}

function sqliteEngine(db: AnyKysely, path: string, clock: Clock): Engine {
  const run = async <T>(on: AnyKysely, mode: "read only" | "read write", work: Work<T>): Promise<T> => {
    try {
      return await on
        .transaction()
        .setAccessMode(mode)
        .execute((tx) => work(tx, clock.now()));
    } catch (error) {
      throw translate(error, path);
    }
  };
  return {
    write: (work) => run(db, "read write", work),
    writeSoon: (work) =>
      db.connection().execute(async (connection) => {
        await sql`pragma synchronous = normal`.execute(connection);
        try {
          return await run(connection, "read write", work);
        } finally {
          await sql`pragma synchronous = full`.execute(connection);
        }
      }),
    read: (work) => run(db, "read only", work),
    size: async (tx) => {
      const { rows } = await sql<{ bytes: number }>`select page_count * page_size as bytes
        from pragma_page_count(), pragma_page_size()`.execute(tx);
      return rows[0]?.bytes ?? 0;
    },
    [Symbol.asyncDispose]: () => db.destroy(),
  };
}
