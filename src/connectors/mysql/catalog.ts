/** What the catalog says of tables: columns, keys, foreign keys, and their shape as a version. */
import { createHash } from "node:crypto";
import { must } from "../../base/assert.ts";
import { quoted, type TableName } from "./names.ts";
import type { Session } from "./session.ts";

export interface Column {
  readonly name: string;
  /** Without numbers: `int`, `varchar`, `enum`; `json` where MariaDB has text and a check. */
  readonly type: string;
  /** In full: `int(10) unsigned`, `enum('a','b')`. */
  readonly fullType: string;
  readonly isUnsigned: boolean;
  readonly isNullable: boolean;
  readonly charset: string | null;
  readonly collation: string | null;
  /** Characters of texts, bytes of byte strings. */
  readonly length: number | null;
  readonly precision: number | null;
  readonly scale: number | null;
  /** Digits of a second. */
  readonly digits: number;
  /** As the catalog tells it. */
  readonly default: string | null;
  /** The default is an expression, not a text. */
  readonly isExpression: boolean;
  /** Such as `auto_increment`, `on update current_timestamp()`. */
  readonly extra: string;
  readonly isIdentity: boolean;
  /** Computed by the server. */
  readonly generation: string | null;
  readonly comment: string;
}

export interface IndexPart {
  /** Null: an expression. */
  readonly column: string | null;
  /** So much of a text, from its start; null: all of it. */
  readonly prefix: number | null;
  readonly isDescending: boolean;
}

export interface Index {
  readonly name: string;
  readonly isPrimary: boolean;
  readonly isUnique: boolean;
  /** BTREE, HASH, FULLTEXT, SPATIAL. */
  readonly method: string;
  readonly parts: readonly IndexPart[];
}

export interface ForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly target: TableName;
  readonly targetColumns: readonly string[];
  readonly onUpdate: string;
  readonly onDelete: string;
}

export interface Table extends TableName {
  /** By the server's estimate. */
  readonly bytes: number;
  /** By the server's estimate. */
  readonly rows: number;
  /** The next number of an auto_increment. */
  readonly next: string | null;
  readonly comment: string;
  readonly isPartitioned: boolean;
  readonly isVersioned: boolean;
  readonly columns: readonly Column[];
  readonly indexes: readonly Index[];
  readonly foreignKeys: readonly ForeignKey[];
  /** Another one: the columns or the keys of the table are others. */
  readonly fingerprint: string;
}

/** As the client gives whole numbers. */
type Big = number | string;

interface TableRow {
  readonly name: string;
  readonly kind: string;
  readonly bytes: Big | null;
  readonly rows_: Big | null;
  readonly next: string | null;
  readonly comment: string;
  readonly options: string | null;
}

const tablesQuery = `select table_name as name, table_type as kind, data_length as bytes, table_rows as rows_,
    cast(auto_increment as char) as next, table_comment as comment, create_options as options
  from information_schema.tables where table_schema = ? and table_type in ('BASE TABLE', 'SYSTEM VERSIONED')`;

/** Those of the session's database, or the one of that name, in order of their names. */
export async function tables(session: Session, name?: string): Promise<readonly Table[]> {
  const schema = session.database;
  const isOne = name === undefined ? "" : " and table_name = ?";
  const values = name === undefined ? [schema] : [schema, name];
  const rows = await session.rows<TableRow>(`${tablesQuery}${isOne} order by table_name`, values);
  const [columns, indexes, foreignKeys] = [
    await columnsOf(session, isOne, values),
    await indexesOf(session, isOne, values),
    await foreignKeysOf(session, isOne, values),
  ];
  return rows.map((row): Table => {
    const [own, keys] = [columns.get(row.name) ?? [], indexes.get(row.name) ?? []];
    const shape = JSON.stringify([own, keys.filter(({ isUnique }) => isUnique)]);
    return {
      schema,
      name: row.name,
      bytes: Number(row.bytes ?? 0),
      rows: Number(row.rows_ ?? 0),
      next: row.next,
      comment: row.comment,
      isPartitioned: /\bpartitioned\b/i.test(row.options ?? ""),
      isVersioned: row.kind === "SYSTEM VERSIONED",
      columns: own,
      indexes: keys,
      foreignKeys: foreignKeys.get(row.name) ?? [],
      fingerprint: createHash("sha256").update(shape).digest("hex").slice(0, 32),
    };
  });
}

interface ColumnRow {
  readonly table_: string;
  readonly name: string;
  readonly type: string;
  readonly fullType: string;
  readonly nullable: string;
  readonly charset: string | null;
  readonly collation: string | null;
  readonly length: Big | null;
  readonly precision_: Big | null;
  readonly scale: Big | null;
  readonly digits: Big | null;
  readonly default_: string | null;
  readonly extra: string;
  readonly generation: string | null;
  readonly comment: string;
}

async function columnsOf(
  session: Session,
  isOne: string,
  values: readonly string[],
): Promise<ReadonlyMap<string, readonly Column[]>> {
  const rows = await session.rows<ColumnRow>(
    `select table_name as table_, column_name as name, data_type as type, column_type as fullType,
      is_nullable as nullable, character_set_name as charset, collation_name as collation,
      character_maximum_length as length, numeric_precision as precision_,
      numeric_scale as scale, datetime_precision as digits, column_default as default_, extra,
      generation_expression as generation, column_comment as comment
     from information_schema.columns where table_schema = ?${isOne} order by table_name, ordinal_position`,
    values,
  );
  const json = await jsonColumns(session);
  const isMaria = await isMariadb(session);
  return grouped(rows, (row) => columnFrom(row, { isMaria, isJson: json.has(`${row.table_}\0${row.name}`) }));
}

function columnFrom(row: ColumnRow, { isMaria, isJson }: { isMaria: boolean; isJson: boolean }): Column {
  const extra = row.extra.toLowerCase();
  // MariaDB writes a text as in a statement, and the absence of a default as a word.
  const hasDefault = row.default_ !== null && !(isMaria && row.default_.toLowerCase() === "null");
  const isText = isMaria ? /^'.*'$/s.test(row.default_ ?? "") : !extra.includes("default_generated");
  const given = hasDefault ? must(row.default_, "there is one") : null;
  return {
    name: row.name,
    type: isJson ? "json" : row.type.toLowerCase(),
    fullType: row.fullType,
    isUnsigned: /\b(unsigned|zerofill)\b/i.test(row.fullType),
    isNullable: row.nullable === "YES",
    charset: row.charset,
    collation: row.collation,
    length: row.length === null ? null : Number(row.length),
    precision: row.precision_ === null ? null : Number(row.precision_),
    scale: row.scale === null ? null : Number(row.scale),
    digits: Number(row.digits ?? 0),
    default: given !== null && isMaria && isText ? withoutQuotes(given) : given,
    isExpression: given !== null && !isText,
    extra,
    isIdentity: extra.includes("auto_increment"),
    generation: row.generation === null || row.generation === "" ? null : row.generation,
    comment: row.comment,
  };
}

const escaped: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", "0": "\0", Z: "\u001a" };

function withoutQuotes(text: string): string {
  return text
    .slice(1, -1)
    .replaceAll(/''|\\(.)/gs, (_, one?: string) => (one === undefined ? "'" : (escaped[one] ?? one)));
}

/** MariaDB has no type of its own for them: a text, and a check. */
async function jsonColumns(session: Session): Promise<ReadonlySet<string>> {
  if (!(await isMariadb(session))) return new Set();
  const rows = await session.rows<{ table_: string; name: string; clause: string }>(
    `select table_name as table_, constraint_name as name, check_clause as clause
      from information_schema.check_constraints where constraint_schema = ? and level = 'Column'`,
    [session.database],
  );
  const json = rows.filter(({ name, clause }) => clause === `json_valid(${quoted(name)})`);
  return new Set(json.map(({ table_, name }) => `${table_}\0${name}`));
}

async function isMariadb(session: Session): Promise<boolean> {
  const [row] = await session.rows<{ version: string }>("select version() as version");
  return row?.version.includes("MariaDB") === true;
}

interface IndexRow {
  readonly table_: string;
  readonly name: string;
  readonly notUnique: Big;
  readonly column_: string | null;
  readonly prefix: Big | null;
  readonly order_: string | null;
  readonly method: string;
}

async function indexesOf(
  session: Session,
  isOne: string,
  values: readonly string[],
): Promise<ReadonlyMap<string, readonly Index[]>> {
  const rows = await session.rows<IndexRow>(
    `select table_name as table_, index_name as name, non_unique as notUnique, column_name as column_,
      sub_part as prefix, collation as order_, index_type as method
     from information_schema.statistics where table_schema = ?${isOne} order by table_name, index_name, seq_in_index`,
    values,
  );
  const parts = grouped(rows, (row) => row);
  return new Map(
    [...parts].map(([table_, all]) => [
      table_,
      Object.values(Object.groupBy(all, ({ name }) => name)).map((some) => indexFrom(some ?? [])),
    ]),
  );
}

function indexFrom(rows: readonly IndexRow[]): Index {
  const [first] = rows;
  const { name, notUnique, method } = must(first, "an index has columns");
  return {
    name,
    isPrimary: name === "PRIMARY",
    isUnique: Number(notUnique) === 0,
    method: method.toUpperCase(),
    parts: rows.map(({ column_, prefix, order_ }) => ({
      column: column_,
      prefix: prefix === null ? null : Number(prefix),
      isDescending: order_ === "D",
    })),
  };
}

interface ForeignKeyRow {
  readonly table_: string;
  readonly name: string;
  readonly column_: string;
  readonly targetSchema: string;
  readonly targetTable: string;
  readonly targetColumn: string;
  readonly onUpdate: string;
  readonly onDelete: string;
}

async function foreignKeysOf(
  session: Session,
  isOne: string,
  values: readonly string[],
): Promise<ReadonlyMap<string, readonly ForeignKey[]>> {
  const rows = await session.rows<ForeignKeyRow>(
    `select k.table_name as table_, k.constraint_name as name, k.column_name as column_,
      k.referenced_table_schema as targetSchema, k.referenced_table_name as targetTable,
      k.referenced_column_name as targetColumn, r.update_rule as onUpdate, r.delete_rule as onDelete
     from information_schema.key_column_usage k join information_schema.referential_constraints r
       on r.constraint_schema = k.constraint_schema and r.constraint_name = k.constraint_name
       and r.table_name = k.table_name
     where k.table_schema = ?${isOne.replace("table_name", "k.table_name")} and k.referenced_table_name is not null
     order by k.table_name, k.constraint_name, k.ordinal_position`,
    values,
  );
  return new Map(
    [...grouped(rows, (row) => row)].map(([table_, all]) => [
      table_,
      Object.values(Object.groupBy(all, ({ name }) => name)).map((some) => foreignKeyFrom(some ?? [])),
    ]),
  );
}

function foreignKeyFrom(rows: readonly ForeignKeyRow[]): ForeignKey {
  const [first] = rows;
  const { name, targetSchema, targetTable, onUpdate, onDelete } = must(first, "a foreign key has columns");
  return {
    name,
    columns: rows.map(({ column_ }) => column_),
    target: { schema: targetSchema, name: targetTable },
    targetColumns: rows.map(({ targetColumn }) => targetColumn),
    onUpdate,
    onDelete,
  };
}

function grouped<R extends { readonly table_: string }, T>(
  rows: readonly R[],
  make: (row: R) => T,
): ReadonlyMap<string, readonly T[]> {
  const all = new Map<string, T[]>();
  for (const row of rows) {
    const some = all.get(row.table_);
    if (some === undefined) all.set(row.table_, [make(row)]);
    else some.push(make(row));
  }
  return all;
}
