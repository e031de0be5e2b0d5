/** What `doctor` finds of databases: whether they can be read or written, and what of one cannot be carried to the other. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { GodwitError } from "../../base/errors.ts";
import { displayPath } from "../../model/path.ts";
import type { Finding, OpenOptions } from "../../ports/connector.ts";
import { ownSchema, tables } from "./catalog.ts";
import { tablePath } from "./names.ts";
import { placeOf } from "./place.ts";
import { Session } from "./session.ts";
import { countOf, uncarriedKinds } from "./uncarried.ts";

interface Server extends Record<string, unknown> {
  readonly version: string;
  readonly number: number;
  readonly who: string;
  readonly is_super: string;
  readonly encoding: string;
}

const serverQuery = `select current_setting('server_version') as version,
  current_setting('server_version_num')::bigint as number, current_user::text as who,
  (select rolsuper from pg_catalog.pg_roles where rolname = current_user)::text as is_super,
  pg_catalog.pg_encoding_to_char(encoding)::text as encoding
  from pg_catalog.pg_database where datname = pg_catalog.current_database()`;

/** Named, not listed without end. */
const namedMax = 5;

export async function* diagnose(
  url: string,
  role: "source" | "target",
  _options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  await using session = new Session(placeOf(url), role);
  signal.throwIfAborted();
  const server = await serverOf(session);
  yield ok("server", `PostgreSQL ${server.version}, as ${server.who}`);
  if (role === "source") {
    yield await dumpFinding(server);
    yield* unreadable(session);
    yield* notCarried(session);
  } else {
    yield await emptiness(session);
    yield* privileges(session, server);
  }
}

/** What the schema of the source needs of the target's server. */
export async function* diagnoseAcross(source: string, target: string, signal: AbortSignal): AsyncGenerator<Finding> {
  await using from = new Session(placeOf(source), "source");
  await using to = new Session(placeOf(target), "target");
  signal.throwIfAborted();
  const [ours, theirs] = [await serverOf(from), await serverOf(to)];
  if (Math.floor(theirs.number / 10_000) < Math.floor(ours.number / 10_000))
    yield note("versions", `${ours.version} to ${theirs.version}: what only the later one knows is refused there`);
  if (ours.encoding !== theirs.encoding)
    yield note("encoding", `${ours.encoding} to ${theirs.encoding}: characters that this cannot hold stop the copy`);
  for (const [subject, needed, there, hint] of needs) {
    const has = new Set((await to.rows<Named>(there)).map(({ name }) => name));
    const missing = (await from.rows<Named>(needed)).map(({ name }) => name).filter((name) => !has.has(name));
    if (missing.length > 0) yield problem(subject, "target_unwritable", `${list(missing)} missing there`, hint);
    else yield ok(subject, "all that the source names are there");
  }
}

interface Named extends Record<string, unknown> {
  readonly name: string;
}

type Need = readonly [subject: string, needed: string, there: string, hint: string];

const needs: readonly Need[] = [
  [
    "roles",
    // Whoever owns something, or may do something with it.
    `select distinct r.rolname as name from pg_catalog.pg_roles r join pg_catalog.pg_shdepend d on d.refobjid = r.oid
      where d.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and d.dbid =
        (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())`,
    "select rolname as name from pg_catalog.pg_roles",
    "Make them there first: pg_dumpall writes them with its option for roles alone.",
  ],
  [
    "extensions",
    "select extname as name from pg_catalog.pg_extension",
    "select name from pg_catalog.pg_available_extensions",
    "Install their packages on the target's server.",
  ],
  [
    "collations",
    `select distinct l.collname as name from pg_catalog.pg_attribute a join pg_catalog.pg_collation l on l.oid = a.attcollation
      join pg_catalog.pg_class c on c.oid = a.attrelid join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and l.oid < 16384 and c.relkind in ('r', 'p', 'm')`,
    "select collname as name from pg_catalog.pg_collation",
    "Install the locale on the target's system, then run pg_import_system_collations there.",
  ],
];

async function serverOf(session: Session): Promise<Server> {
  const [server] = await session.rows<Server>(serverQuery);
  if (server === undefined) throw new Error("a server knows its own version");
  return server;
}

/** `pg_dump` refuses a server of a later major version than its own. */
async function dumpFinding({ version, number }: Server): Promise<Finding> {
  const hint =
    "Install PostgreSQL's client programs of the source's major version or a later one (Debian: postgresql-client).";
  let text: string;
  try {
    ({ stdout: text } = await promisify(execFile)("pg_dump", ["--version"]));
  } catch {
    return problem("pg_dump", "config_invalid", "pg_dump is not installed on this machine", hint);
  }
  const major = Number(/(\d+)/.exec(text)?.[1] ?? 0);
  if (major < Math.floor(number / 10_000))
    return problem("pg_dump", "config_invalid", `${text.trim()} is older than the source (${version})`, hint);
  return ok("pg_dump", text.trim());
}

async function* unreadable(session: Session): AsyncGenerator<Finding> {
  const rows = await session.rows<Named>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'S') and n.nspname !~ '^pg_' and n.nspname not in ('information_schema', '${ownSchema}')
        and not pg_catalog.has_table_privilege(c.oid, 'select') order by 1`,
  );
  if (rows.length === 0) yield ok("privileges", "every table and sequence can be read");
  else {
    const names = list(rows.map(({ name }) => name));
    yield problem("privileges", "access_denied", `cannot read ${names}`, "Grant select on them, or pg_read_all_data.");
  }
}

async function* notCarried(session: Session): AsyncGenerator<Finding> {
  const found = await tables(session);
  const nameless = found.filter(({ key }) => key === null).map((one) => displayPath(tablePath(one)));
  if (nameless.length > 0)
    yield note("no key", `${list(nameless)}: copied by one lane each, and proven as a multiset of rows`);
  for (const kind of uncarriedKinds) {
    const count = await countOf(session, kind);
    if (count > 0) yield note(kind.subject, `${count} ${kind.text}`);
  }
}

async function emptiness(session: Session): Promise<Finding> {
  const rows = await session.rows<Named>(
    `select pg_catalog.format('%I.%I', n.nspname, c.relname) as name from pg_catalog.pg_class c
      join pg_catalog.pg_namespace n on n.oid = c.relnamespace
      where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and n.nspname !~ '^pg_'
        and n.nspname not in ('information_schema', '${ownSchema}')
        and not exists (select from pg_catalog.pg_depend d
          where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')
      order by 1`,
  );
  if (rows.length === 0) return ok("contents", "the database is empty");
  return note(
    "contents",
    `${list(rows.map(({ name }) => name))} there already: of the same name, nothing is overwritten`,
  );
}

async function* privileges(session: Session, { who, is_super: isSuper }: Server): AsyncGenerator<Finding> {
  const [row] = await session.rows<{ may: string }>(
    "select pg_catalog.has_database_privilege(pg_catalog.current_database(), 'create')::text as may",
  );
  if (row?.may !== "true") {
    yield problem("privileges", "access_denied", `${who} may not create in this database`, "Let it own the database.");
    return;
  }
  yield isSuper === "true"
    ? ok("privileges", `${who} may do everything`)
    : note(
        "privileges",
        `${who} is no superuser: what belongs to other roles is made only if ${who} is a member of them`,
      );
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, namedMax).join(", ");
  return names.length <= namedMax ? shown : `${shown} and ${names.length - namedMax} more`;
}

function ok(subject: string, text: string): Finding {
  return { subject, level: "ok", text, error: null };
}

function note(subject: string, text: string): Finding {
  return { subject, level: "note", text, error: null };
}

function problem(
  subject: string,
  code: "access_denied" | "config_invalid" | "target_unwritable",
  what: string,
  hint: string,
): Finding {
  const error = new GodwitError(code, { disposition: "rejected", what, hint });
  return { subject, level: "problem", text: `${what}. ${hint}`, error: error.toJSON() };
}
