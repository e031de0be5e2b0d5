/** What a cell of each type of MySQL and MariaDB is held as, before any map. */
import type { ColumnType } from "../../model/column-type.ts";
import type { Column } from "./catalog.ts";
import { quoted } from "./names.ts";

const integerBits: Readonly<Record<string, 8 | 16 | 24 | 32 | 64>> = {
  tinyint: 8,
  smallint: 16,
  mediumint: 24,
  int: 32,
  bigint: 64,
};

const byteTypes = new Set(["binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"]);

export const geometryTypes: ReadonlySet<string> = new Set(
  "geometry point linestring polygon multipoint multilinestring multipolygon geometrycollection geomcollection".split(
    " ",
  ),
);

/** Dates and times that are all zeros, or have a day or month of zero, are texts. */
export function kindOf(column: Column): ColumnType {
  const { type, isUnsigned, length, precision, scale, digits } = column;
  const bits = integerBits[type];
  if (bits !== undefined) return { kind: "integer", bits, isUnsigned };
  if (byteTypes.has(type)) return { kind: "bytes", length: type.endsWith("blob") ? null : length };
  if (geometryTypes.has(type)) return { kind: "bytes", length: null };
  switch (type) {
    case "year":
      return { kind: "integer", bits: 16, isUnsigned: true };
    case "decimal":
      return { kind: "decimal", precision, scale };
    case "float":
      return { kind: "float", bits: 32 };
    case "double":
      return { kind: "float", bits: 64 };
    case "bit":
      return { kind: "bits", length: precision ?? 1 };
    case "date":
      return { kind: "date" };
    case "time":
      return { kind: "time", digits };
    case "datetime":
      return { kind: "timestamp", digits };
    case "timestamp":
      return { kind: "timestamptz", digits };
    case "char":
      return { kind: "text", length, isPadded: true };
    case "varchar":
      return { kind: "text", length, isPadded: false };
    case "json":
      return { kind: "json", isStored: false };
    case "uuid":
      return { kind: "uuid" };
    default:
      return { kind: "text", length: null, isPadded: false };
  }
}

/** As it stands in what is selected: a geometry in the form of OGC, without the number of its system. */
export function selected({ name, type }: Column): string {
  return geometryTypes.has(type) ? `st_aswkb(${quoted(name)})` : quoted(name);
}
