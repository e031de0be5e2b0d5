/**
 * The schema map: what tables and columns are called and hold on the target, as data. It is part of a job and has a
 * version of its own, the digest of its canonical JSON, so that a report says by which map its rows were made.
 */
import canonicalize from "canonicalize";
import { hash } from "node:crypto";
import { z } from "zod";
import { must } from "../base/assert.ts";
import { configInvalid, unknownName } from "./config-error.ts";
import { constant } from "./constant.ts";

const onErrors = ["stop", "reject", "null", "default"] as const;

export const columnRule = z
  .strictObject({
    from: z.string().min(1).optional().describe("the column of the source"),
    to: z.string().min(1).optional().describe("its name on the target; without it, the same"),
    cast: z.string().min(1).optional().describe("its type on the target, such as int4 or decimal(10,2)"),
    default: constant.optional().describe("stands where the value is NULL"),
    constant: constant.optional().describe("the value in every row; instead of from"),
    expression: z.string().optional().describe("the value in CEL, over row; instead of from"),
    drop: z.literal(true).optional().describe("the column is left out"),
    on_error: z.enum(onErrors).optional().describe("for a value that the cast cannot hold; stop, unless said"),
  })
  .describe("one column");
export type ColumnRule = z.infer<typeof columnRule>;

export const tableRule = z.strictObject({
  from: z.string().min(1).describe("the table of the source, with its schema"),
  to: z.string().min(1).optional().describe("its name on the target; without it, the same"),
  filter: z.string().optional().describe("a row goes on when this is true; in CEL, over row as the source has it"),
  on_filter_error: z.enum(["stop", "reject"]).optional().describe("for a row whose filter fails; stop, unless said"),
  rest: z.enum(["keep", "drop"]).optional().describe("columns without a rule; kept, unless said"),
  columns: z.array(columnRule).optional(),
});
export type TableRule = z.infer<typeof tableRule>;

export const schemaMap = z.strictObject({
  version: z.literal(1),
  tables: z.array(tableRule),
});
export type SchemaMap = z.infer<typeof schemaMap>;

/** @param value parsed JSON or YAML @throws config_invalid naming the place */
export function parseSchemaMap(value: unknown): SchemaMap {
  const map = parseWith(schemaMap, value, "the schema map");
  const names = new Set<string>();
  for (const { from } of map.tables) {
    if (names.has(from))
      throw configInvalid(`the schema map has two sets of rules for the table ${from}`, "Put them together.");
    names.add(from);
  }
  return map;
}

/** @param known tables of the source @throws config_invalid for rules that would never be used */
export function checkTables(map: SchemaMap, known: readonly string[]): void {
  for (const { from } of map.tables)
    if (!known.includes(from))
      throw unknownName(`the schema map has rules for the table ${from}, which the source does not have`, from, known);
}

/** Of a map, or of a contract: the same for the same data, however its keys are ordered. 64 hexadecimal digits. */
export function versionOf(data: object): string {
  return hash("sha256", must(canonicalize(data), "a map is data"), "hex");
}

/** @throws config_invalid naming the first place that is wrong */
export function parseWith<T>(shape: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = must(parsed.error.issues[0], "a failure has an issue");
  if (issue.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    throw configInvalid(
      `${what} has an unknown key ${key}${placeOf(issue.path)}`,
      "Correct its spelling or remove it.",
    );
  }
  throw configInvalid(
    `${what} is wrong${placeOf(issue.path)}: ${issue.message}`,
    "Correct it, and run the command again.",
  );
}

/** Such as ` in tables[0].columns[2].cast`. */
function placeOf(path: readonly PropertyKey[]): string {
  const text = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${String(part)}`)).join("");
  return text === "" ? "" : ` in ${text.replace(/^\./, "")}`;
}
