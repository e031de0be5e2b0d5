/**
 * Expressions over a row, in CEL (docs/decisions/0019-expressions.md). Made once for a table; what can be known to be
 * wrong without a row is said then: a name, a function, types that never go together.
 */
import { type CelInput, type CelResult, isCelError, parse, plan } from "@bufbuild/cel";
import type { ColumnType } from "../model/column-type.ts";
import { arrayOf, type Row, type RowValue } from "../model/row-value.ts";
import { expressionEnv } from "./cel.ts";
import { CelNames } from "./cel-names.ts";
import { fromCelTo, toCelOf } from "./cel-values.ts";
import { configInvalid } from "./config-error.ts";
import { Unfit } from "./unfit.ts";

/** Where an expression stands, and what it may speak of. */
export interface ExpressionPlace {
  /** Begins every message, such as `the rule for column total of table public.orders`. */
  readonly where: string;
  readonly columns: readonly { readonly name: string; readonly type: ColumnType }[];
}

/** @param type of the column that it fills @throws config_invalid */
export function compileExpression(
  text: string,
  type: ColumnType,
  place: ExpressionPlace,
): (row: Row) => RowValue | Unfit {
  const evaluate = compile(text, place);
  const fromCel = fromCelTo(type);
  const made = (row: Row): RowValue | Unfit => {
    const result = evaluate(row);
    if (result instanceof Unfit) return result;
    return isCelError(result) ? failureOf(result.message) : fromCel(result);
  };
  const trial = made(place.columns.map((column) => sampleOf(column.type)));
  if (trial instanceof Unfit && trial.reason === "no_cast")
    throw configInvalid(
      `${place.where}: what the expression gives ${trial.what}`,
      "Change the cast or the expression.",
    );
  return made;
}

/** @returns whether a row is kept @throws config_invalid */
export function compileFilter(text: string, place: ExpressionPlace): (row: Row) => boolean | Unfit {
  const evaluate = compile(text, place);
  const verdict = (row: Row): boolean | Unfit => {
    const result = evaluate(row);
    if (typeof result === "boolean" || result instanceof Unfit) return result;
    return isCelError(result) ? failureOf(result.message) : notBoolean;
  };
  if (verdict(place.columns.map((column) => sampleOf(column.type))) === notBoolean)
    throw configInvalid(
      `${place.where}: the filter is neither true nor false`,
      "Compare something, such as row.total > 0.",
    );
  return verdict;
}

const notBoolean = new Unfit("expression", "the filter is neither true nor false for this row");

function compile(text: string, place: ExpressionPlace): (row: Row) => CelResult | Unfit {
  const { where, columns } = place;
  const parsed = parsedOf(text, where);
  const names = new CelNames({ columns: columns.map(({ name }) => name), functions: expressionEnv.funcs, where });
  names.resolve(parsed.expr);
  const planned = plan(expressionEnv, parsed);
  const used = [...names.used].map(([variable, at]) => {
    const { type } = columns[at] as ExpressionPlace["columns"][number];
    return { variable, at, toCel: toCelOf(type) };
  });
  // One object for all rows: nothing of it outlives the evaluation of a row.
  const variables: Record<string, CelInput> = Object.fromEntries(used.map(({ variable }) => [variable, null]));
  const evaluate = (row: Row): CelResult | Unfit => {
    for (const { variable, at, toCel } of used) {
      const cell = row[at] as RowValue;
      const value = cell === null ? null : toCel(cell);
      if (value instanceof Unfit) return value;
      variables[variable] = value;
    }
    return planned(variables);
  };
  const trial = evaluate(columns.map(({ type }) => sampleOf(type)));
  if (isCelError(trial) && neverRight.test(trial.message))
    throw configInvalid(`${where}: ${trial.message}`, "The types of the columns do not allow this expression.");
  return evaluate;
}

function parsedOf(text: string, where: string): ReturnType<typeof parse> {
  try {
    return parse(text);
  } catch (error) {
    const what = (error instanceof Error ? error.message : String(error)).replace(/^<input>:/, "");
    throw configInvalid(`${where}: the expression cannot be read at ${what}`, "It is CEL: https://cel.dev.", error);
  }
}

/** Of one row it says that it is wrong for all. */
const neverRight = /^(?:found no matching overload|unbound function|type mismatch|error parsing regexp)/;
/** What may be told: other messages name the value that they are about. */
const tellable =
  /^(?:found no matching overload|unbound function|type mismatch|u?int (?:overflow|divide by|modulus by))/;
const failures = new Map<string, Unfit>();
const unsaid = new Unfit("expression", "could not be worked out");

function failureOf(message: string): Unfit {
  if (!tellable.test(message)) return unsaid;
  const known = failures.get(message);
  if (known !== undefined) return known;
  const unfit = new Unfit("expression", `could not be worked out: ${message}`);
  if (failures.size < 100) failures.set(message, unfit);
  return unfit;
}

/** Some value of the type, none of them NULL. */
function sampleOf(type: ColumnType): RowValue {
  switch (type.kind) {
    case "boolean":
      return true;
    case "integer":
    case "float":
      return 1;
    case "decimal":
    case "bits":
    case "json":
      return "1";
    case "text":
      return "a";
    case "bytes":
      return Uint8Array.of(0x61);
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return 0;
    case "timetz":
      return { microseconds: 0, zoneSeconds: 0 };
    case "interval":
      return { months: 0, days: 1, microseconds: 0 };
    case "uuid":
      return "00000000-0000-0000-0000-000000000000";
    case "array":
      return arrayOf([sampleOf(type.element)]);
  }
}
