/** Defaults of columns, as PostgreSQL writes them. */
import { literalText } from "../../pgwire/quote.ts";
import type { MappedColumn } from "./mapping.ts";

/** Expressions that mean the same there, without their brackets. */
const expressions: Readonly<Record<string, string>> = {
  current_timestamp: "current_timestamp",
  now: "current_timestamp",
  curdate: "current_date",
  current_date: "current_date",
  curtime: "localtime",
  uuid: "pg_catalog.gen_random_uuid()",
  true: "true",
  false: "false",
};

/** @returns null where there is none; undefined where it cannot be carried */
export function defaultOf({ source, kind, target }: MappedColumn): string | null | undefined {
  const value = source.default;
  if (value === null) return null;
  const { column } = target;
  if (source.isExpression) {
    const word = /^\(?([a-z_]+)(?:\((\d*)\))?\)?$/i.exec(value);
    const known = word?.[1] === undefined ? undefined : expressions[word[1].toLowerCase()];
    if (known !== undefined) {
      if (column.kind === "timestamptz" || column.kind === "timestamp") {
        // MySQL's clock of a datetime is that of the session; here the session's zone says it as well.
        return known === "current_timestamp" ? withDigits(column.kind, word?.[2] ?? "") : undefined;
      }
      const fits =
        (known === "current_date" && column.kind === "date") ||
        (known === "localtime" && column.kind === "time") ||
        (known.includes("uuid") && (column.kind === "uuid" || column.kind === "text")) ||
        (column.kind === "boolean" && (known === "true" || known === "false"));
      return fits ? known : undefined;
    }
    const bits = /^b'([01]+)'$/i.exec(value);
    if (bits !== null && column.kind === "bits") return `B'${(bits[1] ?? "").padStart(column.length ?? 1, "0")}'`;
    return /^-?[\d.]+(e[+-]?\d+)?$/i.test(value) ? numberFor(target.column.kind, value) : undefined;
  }
  switch (column.kind) {
    case "boolean":
    case "integer":
    case "decimal":
    case "float":
      return numberFor(column.kind, value);
    case "date":
    case "timestamp":
    case "timestamptz":
      if (/^0000|-00/.test(value)) return undefined;
      if (column.kind !== "date" && /^current_timestamp(\(\d*\))?$/i.test(value))
        return withDigits(column.kind, /\d/.exec(value)?.[0] ?? "");
      return column.kind === "timestamptz" ? undefined : literalText(value);
    case "text":
    case "time":
    case "uuid":
    case "json":
      return literalText(value);
    case "bytes":
      return kind.kind === "bytes" ? `'\\x${Buffer.from(value, "utf8").toString("hex")}'` : undefined;
    case "bits": {
      const bits = /^b'([01]+)'$/i.exec(value);
      return bits === null ? undefined : `B'${(bits[1] ?? "").padStart(column.length ?? 1, "0")}'`;
    }
    default:
      return undefined;
  }
}

function withDigits(kind: "timestamp" | "timestamptz", digits: string): string {
  const word = kind === "timestamp" ? "localtimestamp" : "current_timestamp";
  return `${word}(${digits === "" ? "0" : digits})`;
}

function numberFor(kind: string, value: string): string | undefined {
  if (kind === "boolean") return value === "0" ? "false" : value === "1" ? "true" : undefined;
  return /^-?\d*\.?\d+(e[+-]?\d+)?$/i.test(value) ? value : undefined;
}
