/**
 * Which type of PostgreSQL each column gets, where nobody says otherwise: docs/reference/mysql-types.md. A value that the
 * type cannot hold (a date of zeros, 2 in a `tinyint(1)`) is refused when its row is read, never bent.
 */
import type { ColumnType } from "../../model/column-type.ts";
import { type CopyColumn, copyColumn } from "../../pgwire/copy-types.ts";
import type { Column, Table } from "./catalog.ts";
import { geometryTypes, kindOf } from "./column-kinds.ts";
import { tablePath } from "./names.ts";

export interface MappedColumn {
  readonly source: Column;
  /** What its cells are as they are read. */
  readonly kind: ColumnType;
  /** The type and what its cells must be to be sent. */
  readonly target: CopyColumn;
}

/** By path of table, then by column: a type as `format_type` names it, such as `timestamp(3) without time zone`. */
export type TypeOverrides = ReadonlyMap<string, ReadonlyMap<string, string>>;

const integers: Readonly<Record<string, readonly [signed: string, unsigned: string]>> = {
  tinyint: ["smallint", "smallint"],
  smallint: ["smallint", "integer"],
  mediumint: ["integer", "integer"],
  int: ["integer", "bigint"],
  bigint: ["bigint", "numeric(20,0)"],
};

const others: Readonly<Record<string, string>> = {
  year: "smallint",
  float: "real",
  double: "double precision",
  date: "date",
  json: "jsonb",
  uuid: "uuid",
  inet4: "inet",
  inet6: "inet",
  binary: "bytea",
  varbinary: "bytea",
  tinyblob: "bytea",
  blob: "bytea",
  mediumblob: "bytea",
  longblob: "bytea",
};

/** The longest `char` and `varchar` of PostgreSQL; nothing of MySQL reaches it. */
function defaultType(column: Column): string {
  const { type, isUnsigned, fullType, length, precision, scale, digits } = column;
  if (isFlag(column)) return "boolean";
  const pair = integers[type];
  // An identity must be a whole number of PostgreSQL's.
  if (pair !== undefined) return column.isIdentity && type === "bigint" ? "bigint" : pair[isUnsigned ? 1 : 0];
  switch (type) {
    case "decimal":
      return `numeric(${precision ?? 10},${scale ?? 0})`;
    case "bit":
      return `bit(${precision ?? 1})`;
    case "char":
      return length === 0 ? "text" : `character(${length ?? 1})`;
    case "varchar":
      return length === 0 || length === null ? "text" : `character varying(${length})`;
    case "time":
      return `time(${digits}) without time zone`;
    case "datetime":
      return `timestamp(${digits}) without time zone`;
    case "timestamp":
      return `timestamp(${digits}) with time zone`;
    default:
      if (geometryTypes.has(type)) return "bytea";
      return others[type] ?? (/^(uuid|inet[46])$/.exec(fullType) ? (others[fullType] ?? "text") : "text");
  }
}

/** What MySQL means by `boolean`. */
export function isFlag({ fullType, isIdentity }: Column): boolean {
  return fullType.toLowerCase() === "tinyint(1)" && !isIdentity;
}

function at(path: string, column: string): string {
  return `${path}\0${column}`;
}

/** All columns of the tables, by path; those that a foreign key binds to an identity have its type. */
export function mapTables(
  tables: readonly Table[],
  overrides: TypeOverrides = new Map(),
): ReadonlyMap<string, readonly MappedColumn[]> {
  const types = new Map<string, string>();
  for (const table of tables) {
    const path = tablePath(table);
    for (const column of table.columns)
      types.set(at(path, column.name), overrides.get(path)?.get(column.name) ?? defaultType(column));
  }
  for (let isSettled = false; !isSettled;) {
    isSettled = true;
    for (const table of tables) {
      const path = tablePath(table);
      for (const { columns, target, targetColumns } of table.foreignKeys) {
        for (const [index, name] of columns.entries()) {
          const bound = types.get(at(tablePath(target), targetColumns[index] ?? ""));
          if (bound !== "bigint" || types.get(at(path, name)) !== "numeric(20,0)") continue;
          types.set(at(path, name), bound);
          isSettled = false;
        }
      }
    }
  }
  return new Map(
    tables.map((table) => {
      const path = tablePath(table);
      return [
        path,
        table.columns.map((source) => ({
          source,
          kind: kindOf(source),
          target: copyColumn(types.get(at(path, source.name)) ?? "text"),
        })),
      ];
    }),
  );
}
