/** The contract of a table as data: what must hold of each cell that goes on, and what is done where it does not. */
import { z } from "zod";
import { configInvalid, unknownName } from "./config-error.ts";
import { constant } from "./constant.ts";
import { parseWith } from "./schema-map.ts";

const decisions = z
  .enum(["accept", "coerce", "reject", "stop"])
  .describe(
    "accept: it goes on, and is counted; coerce: it goes on changed; reject: its row to the dead letters; stop: the job",
  );
export type Decision = z.infer<typeof decisions>;

const replacement = constant.optional().describe("with coerce: what stands there instead");
const bound = z.union([z.string(), z.number()]).optional();

const check = z.discriminatedUnion("check", [
  z.strictObject({
    check: z.literal("type"),
    type: z.string().min(1).describe("the value can be cast to it; coerce: it is written as this type has it"),
    decision: decisions,
  }),
  z.strictObject({ check: z.literal("not_null"), to: replacement, decision: decisions }),
  z.strictObject({
    check: z.literal("range"),
    min: bound,
    max: bound,
    decision: decisions.describe("coerce: the bound that it passes"),
  }),
  z.strictObject({
    check: z.literal("length"),
    min: z.int().nonnegative().optional(),
    max: z.int().nonnegative().optional(),
    decision: decisions.describe("of characters, bytes, bits or elements; coerce: what is too long is cut"),
  }),
  z.strictObject({
    check: z.literal("pattern"),
    pattern: z.string().describe("of RE2; somewhere in the text, unless ^ and $ hold it to the ends"),
    to: replacement,
    decision: decisions,
  }),
  z.strictObject({
    check: z.literal("values"),
    values: z.array(constant).min(1),
    to: replacement,
    decision: decisions,
  }),
]);
export type Check = z.infer<typeof check>;

const tableContract = z.strictObject({
  table: z.string().min(1).describe("on the target, with its schema"),
  columns: z.array(z.strictObject({ column: z.string().min(1), checks: z.array(check).min(1) })).optional(),
  unique: z
    .array(
      z.strictObject({
        columns: z.array(z.string().min(1)).min(1),
        decision: z.enum(["accept", "reject", "stop"]).describe("for the second row of a batch with the same values"),
      }),
    )
    .optional(),
});
export type TableContract = z.infer<typeof tableContract>;

export const contractDocument = z.strictObject({ version: z.literal(1), tables: z.array(tableContract) });
export type ContractDocument = z.infer<typeof contractDocument>;

/** @param value parsed JSON or YAML @param known tables of the target @throws config_invalid naming the place */
export function parseContract(value: unknown, known: readonly string[]): ContractDocument {
  const document = parseWith(contractDocument, value, "the contract");
  const names = new Set<string>();
  for (const { table } of document.tables) {
    if (names.has(table)) throw configInvalid(`the contract speaks twice of the table ${table}`, "Put it together.");
    names.add(table);
    if (!known.includes(table))
      throw unknownName(`the contract is about the table ${table}, which the target does not get`, table, known);
  }
  return document;
}
