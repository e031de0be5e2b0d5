/** Names of MySQL: as they stand in a statement, and tables as paths, `database/table`, with what a path cannot hold as `%XX`. */
import { must } from "../../base/assert.ts";
import { type BytePath, joinPath, parentPath, pathFromText, pathToText } from "../../model/path.ts";

export interface TableName {
  readonly schema: string;
  readonly name: string;
}

export function tablePath({ schema, name }: TableName): BytePath {
  return joinPath(schemaPath(schema), escape(name));
}

export function schemaPath(schema: string): BytePath {
  return escape(schema);
}

export function tableOf(path: BytePath): TableName {
  const schema = parentPath(path);
  return { schema: unescape(schema), name: unescape(path.slice(schema.length + 1) as BytePath) };
}

export function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

export function qualified({ schema, name }: TableName): string {
  return `${quoted(schema)}.${quoted(name)}`;
}

/** Whatever the sql_mode says of backslashes. */
export function literal(text: string): string {
  return /^[ -&(-[\]-~]*$/.test(text)
    ? `'${text}'`
    : `convert(x'${Buffer.from(text, "utf8").toString("hex")}' using utf8mb4)`;
}

function escape(name: string): BytePath {
  const safe = name === "." || name === ".." ? name.replaceAll(".", "%2E") : name.replace(/[%/]/g, encodeURIComponent);
  return pathFromText(safe);
}

function unescape(path: BytePath): string {
  const text = must(pathToText(path), "a name of a table is text");
  return text.replace(/%2F|%25|%2E/g, decodeURIComponent);
}
