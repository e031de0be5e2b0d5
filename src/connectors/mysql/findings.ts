/** What of a database cannot be carried to PostgreSQL as it is, in words. */
import type { Finding } from "../../ports/connector.ts";
import { displayPath } from "../../model/path.ts";
import type { Index, Table } from "./catalog.ts";
import { geometryTypes } from "./column-kinds.ts";
import { defaultOf } from "./default-values.ts";
import { isFlag, type MappedColumn } from "./mapping.ts";
import { qualified, quoted, type TableName, tablePath } from "./names.ts";
import type { Session } from "./session.ts";

/** Types for which the words below are written. */
const knownTypes =
  /^(tinyint|smallint|mediumint|int|bigint|decimal|float|double|bit|year|date|time|datetime|timestamp|char|varchar|(tiny|medium|long)?(text|blob)|binary|varbinary|enum|set|json|uuid|inet[46])$/;

export function note(table: TableName, text: string): Finding {
  return { subject: displayPath(tablePath(table)), level: "note", text, error: null };
}

export function tableFindings(table: Table): readonly Finding[] {
  return [
    ...(table.isPartitioned ? [note(table, "is partitioned: its rows come to one plain table")] : []),
    ...(table.isVersioned ? [note(table, "keeps its history: only the rows of now are carried")] : []),
  ];
}

export function columnFindings(table: Table, column: MappedColumn): readonly Finding[] {
  const { source, target } = column;
  const found: string[] = [];
  if (source.generation !== null)
    found.push(`is computed as ${source.generation}: its values are carried, the expression is not`);
  else if (!source.isIdentity && defaultOf(column) === undefined)
    found.push(`has the default ${source.default ?? ""}, which is not carried`);
  if (source.extra.includes("on update"))
    found.push("is set anew by each update: write a trigger for that, none is made");
  if (isFlag(source) && target.column.kind === "boolean")
    found.push("is a tinyint(1) and becomes a boolean: a row with another number than 0 and 1 is refused");
  if (/^(date|datetime|timestamp)$/.test(source.type) && /^(date|timestamp|timestamptz)$/.test(target.column.kind))
    found.push("may hold dates of zeros: a row with one is refused, unless the column becomes a text");
  if (source.type === "time" && target.column.kind === "time")
    found.push("may hold hours beyond a day or below zero: a row with them is refused, unless it becomes an interval");
  if (source.type === "bigint" && source.isUnsigned && target.type === "bigint")
    found.push("is unsigned and becomes a bigint: a number above 9223372036854775807 is refused");
  if (geometryTypes.has(source.type))
    found.push("is a geometry and becomes bytea (well-known binary): the number of its system is not carried");
  else if (!knownTypes.test(source.type)) found.push(`has the type ${source.fullType}, which is carried as text`);
  if (source.type === "set")
    found.push("is a set and becomes a text with commas: which values it may have is not checked");
  return found.map((text) => note(table, `the column ${source.name} ${text}`));
}

/** @returns null where nothing of it is lost */
export function indexFinding(table: Table, index: Index, columns: readonly MappedColumn[]): Finding | null {
  const { name, method, parts, isUnique } = index;
  const told = `the index ${name}`;
  if (/^(FULLTEXT|SPATIAL|RTREE|VECTOR)$/.test(method))
    return note(table, `${told} (${method.toLowerCase()}) is not made`);
  if (parts.some(({ column }) => column === null)) return note(table, `${told} is of an expression, and is not made`);
  const used = parts.map((part) => columns.find(({ source }) => source.name === part.column));
  const isOdd = parts.some(
    ({ prefix }, at) => prefix !== null && !/^(text|bytes)$/.test(used[at]?.target.column.kind ?? ""),
  );
  if (isOdd) return note(table, `${told} is of a prefix that PostgreSQL cannot take, and is not made`);
  const folded = used.find((column) => column?.target.column.kind === "text" && isFolding(column.source.collation));
  if (isUnique && folded !== undefined)
    return note(
      table,
      `the unique key ${name} takes ${folded.source.collation ?? ""} to compare ${folded.source.name}: on the target ` +
        "values that differ in case, accents or spaces at the end are different",
    );
  return null;
}

function isFolding(collation: string | null): boolean {
  return collation !== null && !collation.endsWith("_bin");
}

interface Named {
  readonly kind: string;
  readonly name: string;
}

const uncarriedQuery = `
  select 'view' as kind, table_name as name from information_schema.views where table_schema = ?
  union all select 'trigger', trigger_name from information_schema.triggers where trigger_schema = ?
  union all select lower(routine_type), routine_name from information_schema.routines where routine_schema = ?
  union all select 'event', event_name from information_schema.events where event_schema = ?
  union all select 'sequence', table_name from information_schema.tables
    where table_schema = ? and table_type = 'SEQUENCE'
  union all select 'check', constraint_name from information_schema.check_constraints
    where constraint_schema = ? and check_clause not like 'json\\_valid(%'
  order by 1, 2`;

/** What is written in MySQL's own language. */
export async function uncarried(session: Session): Promise<readonly Finding[]> {
  const schema = session.database;
  const rows = await session.rows<Named>(
    uncarriedQuery,
    Array.from({ length: 6 }, () => schema),
  );
  return rows.map(({ kind, name }) => ({
    subject: kind,
    level: "note",
    text: `${name} is written in MySQL's language, and is not carried`,
    error: null,
  }));
}

/** Looks at every row: whether dates of zeros are there. */
export async function zeroDates(session: Session, table: Table, signal: AbortSignal): Promise<readonly Finding[]> {
  const dates = table.columns.filter(({ type }) => /^(date|datetime|timestamp)$/.test(type));
  if (dates.length === 0) return [];
  // Extracts of the year, the month and the day are 0 where these are; of a timestamp only all of it can be.
  const counts = dates.map(
    ({ name }, at) =>
      `coalesce(sum(year(${quoted(name)}) = 0 or month(${quoted(name)}) = 0 or dayofmonth(${quoted(name)}) = 0), 0) as c${at}`,
  );
  const [row] = await session.rows<Record<string, string | number>>(
    `select ${counts.join(", ")} from ${qualified(table)}`,
    [],
    signal,
  );
  return dates.flatMap(({ name }, at) => {
    const count = Number(row?.[`c${at}`] ?? 0);
    return count === 0
      ? []
      : [note(table, `the column ${name} has dates of zeros in ${count} rows: map it, or its rows are refused`)];
  });
}
