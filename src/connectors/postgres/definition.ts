/**
 * What a database is beside its rows, as PostgreSQL's own tools tell it: `pg_dump` writes an archive of the definitions,
 * `pg_restore` tells it as SQL, in parts. So nothing here knows what a statement means.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { assert } from "../../base/assert.ts";
import { GodwitError } from "../../base/errors.ts";
import type { BytePath } from "../../model/path.ts";
import type { Definition } from "../../ports/source.ts";
import { ownSchema } from "./catalog.ts";
import { literal, qualified, tablePath } from "./names.ts";
import type { DatabasePlace } from "./place.ts";
import type { Session } from "./session.ts";

const outputBytesMax = 2 ** 30;
/** Sets them apart from what `pg_restore` has said last. */
const positionsHeading = "--\n-- Name: positions; Type: SEQUENCE SET; Schema: -; Owner: -\n--\n";

export interface DefinitionOptions {
  /** Exported, and held by its session; null: as it is now. */
  readonly snapshot: string | null;
  readonly signal: AbortSignal;
}

export async function definitionOf(
  place: DatabasePlace,
  session: Session,
  { snapshot, signal }: DefinitionOptions,
): Promise<Definition> {
  const folder = await mkdtemp(join(tmpdir(), "godwit-definition-"));
  try {
    const archive = join(folder, "archive");
    const run = (program: string, args: readonly string[]): Promise<string> => runTool(program, args, signal);
    await run("pg_dump", [
      "--format=custom",
      "--section=pre-data",
      "--section=post-data",
      "--no-subscriptions",
      `--exclude-schema=${ownSchema}`,
      ...(snapshot === null ? [] : [`--snapshot=${snapshot}`]),
      `--file=${archive}`,
      `--dbname=${place.url}`,
    ]);
    const list = await run("pg_restore", ["--list", archive]);
    const owners = await indexOwners(session);
    const lines = list.split("\n").filter((line) => /^\d+; /.test(line));
    const post = new Set((await run("pg_restore", ["--list", "--section=post-data", archive])).split("\n"));
    const ofTables = lines.filter((line) => post.has(line) && ownerOf(line, owners) !== null);
    const chosen = new Set(ofTables);
    const sql = async (name: string, some: readonly string[], section: string): Promise<string> => {
      const file = join(folder, name);
      await writeFile(file, `${some.join("\n")}\n`);
      const args = [`--section=${section}`, "--no-tablespaces", `--use-list=${file}`, "--file=-", archive];
      return withoutCommands(await run("pg_restore", args));
    };
    const before = await sql("before", lines, "pre-data");
    const built = await sql("tables", ofTables, "post-data");
    const after = await sql(
      "after",
      lines.filter((line) => !chosen.has(line)),
      "post-data",
    );
    return {
      engine: "postgres",
      before,
      tables: byTable(
        built,
        ofTables.map((line) => ownerOf(line, owners) as BytePath),
      ),
      after: `${after}\n${positionsHeading}${await positionsOf(session)}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runTool(program: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(program, [...args], { signal, maxBuffer: outputBytesMax });
    return stdout;
  } catch (cause) {
    signal.throwIfAborted();
    const { code, stderr = "" } = cause as { readonly code?: unknown; readonly stderr?: string };
    if (code === "ENOENT") {
      throw new GodwitError("config_invalid", {
        disposition: "fatal",
        what: `${program} is not installed on this machine`,
        hint: "Install PostgreSQL's client programs, of the source's major version or a later one (Debian: postgresql-client).",
        cause,
      });
    }
    const [first = "it ended without a word"] = stderr.split("\n");
    if (isPassing(stderr)) {
      throw new GodwitError("store_unreachable", {
        disposition: "retry",
        what: `${program} lost the source: ${first}`,
        hint: "It is tried again once the server answers.",
        cause,
      });
    }
    throw new GodwitError("unreadable", {
      disposition: "rejected",
      what: `${program} failed: ${first}`,
      hint: "The definition of the database could not be read: see godwit doctor for its version and privileges.",
      cause,
    });
  }
}

/** In the words of libpq, which has no codes: the server is away, or the snapshot went with it. */
export function isPassing(stderr: string): boolean {
  return /connection to server|server closed the connection|terminating connection|snapshot/i.test(stderr);
}

/** Newer tools fence what psql would obey; a server takes statements alone. */
function withoutCommands(sql: string): string {
  return sql.replaceAll(/^\\(?:un)?restrict .*$/gm, "");
}

/** `table oid.object oid`, as lists of archives name indexes and constraints, to the table. */
async function indexOwners(session: Session): Promise<ReadonlyMap<string, BytePath>> {
  const rows = await session.rows<{ catalog: number; object: number; schema: string; name: string }>(
    `select 1259::bigint as catalog, i.indexrelid::bigint as object, n.nspname as schema, c.relname as name
       from pg_catalog.pg_index i join pg_catalog.pg_class c on c.oid = i.indrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r'
     union all
     select 2606::bigint, k.oid::bigint, n.nspname, c.relname
       from pg_catalog.pg_constraint k join pg_catalog.pg_class c on c.oid = k.conrelid
       join pg_catalog.pg_namespace n on n.oid = c.relnamespace where c.relkind = 'r' and k.contype in ('p', 'u', 'x')`,
  );
  return new Map(
    rows.map(({ catalog, object, schema, name }) => [`${catalog} ${object}`, tablePath({ schema, name })]),
  );
}

/** @returns null for what is made at the end */
function ownerOf(line: string, owners: ReadonlyMap<string, BytePath>): BytePath | null {
  const found = /^\d+; (\d+ \d+) (?:INDEX|CONSTRAINT) /.exec(line);
  return found?.[1] === undefined ? null : (owners.get(found[1]) ?? null);
}

/** Each statement has a comment of its own above it. */
function byTable(sql: string, owners: readonly BytePath[]): ReadonlyMap<BytePath, string> {
  const parts = sql.split(/^--\n-- Name: .*; Type: (?:INDEX|CONSTRAINT); Schema: .*\n--\n/m).slice(1);
  assert(parts.length === owners.length, "the archive tells as many indexes as its list");
  const all = new Map<BytePath, string>();
  for (const [at, part] of parts.entries()) {
    const owner = owners[at] as BytePath;
    all.set(owner, `${all.get(owner) ?? ""}${part}`);
  }
  return all;
}

/** Read later than any row: a position is never behind a value that was taken from it. */
async function positionsOf(session: Session): Promise<string> {
  const sequences = await session.rows<{ schema: string; name: string }>(
    `select n.nspname as schema, c.relname as name from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind = 'S' and c.relpersistence <> 't' and n.nspname !~ '^pg_'
        and n.nspname not in ('information_schema', '${ownSchema}')
        and not exists (select from pg_catalog.pg_depend d
          where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
      order by 1, 2`,
  );
  const statements: string[] = [];
  for (const sequence of sequences) {
    const name = qualified(sequence);
    const [at] = await session.rows<{ last: string; called: string }>(
      `select last_value::text as last, is_called::text as called from ${name}`,
    );
    if (at !== undefined)
      statements.push(`select pg_catalog.setval(${literal(name)}::pg_catalog.regclass, ${at.last}, ${at.called});`);
  }
  return statements.join("\n");
}
