/** Single checks of a contract, made ready for a column: what passes, and what stands instead of that which does not. */
import { CanonicalRows } from "../model/canonical-row.ts";
import { type ColumnType, columnTypeName } from "../model/column-type.ts";
import { compareDecimals, normalDecimal } from "../model/decimal.ts";
import { type ArrayValue, type RowValue, wholeNumber } from "../model/row-value.ts";
import { castBetween } from "./casts.ts";
import { configInvalid, typeNamed } from "./config-error.ts";
import { type Constant, valueOf } from "./constant.ts";
import type { Check } from "./contract-shape.ts";
import { codePoints } from "./fit.ts";
import { compilePattern } from "./pattern.ts";
import { type Cast, Unfit } from "./unfit.ts";

/** @returns the value itself where it passes; what it is coerced to; or why it passes in no way */
export type RunCheck = Cast;

interface CheckPlace {
  readonly where: string;
  readonly type: ColumnType;
}

/** @returns for values that are not NULL, but `not_null` for those that are @throws config_invalid */
export function compileCheck(check: Check, place: CheckPlace): RunCheck {
  switch (check.check) {
    case "type":
      return typeCheck(check, place);
    case "not_null":
      return stand(check, place, new Unfit("null", "is NULL"));
    case "range":
      return rangeCheck(check, place);
    case "length":
      return lengthCheck(check, place);
    case "pattern":
      return patternCheck(check, place);
    case "values":
      return valuesCheck(check, place);
  }
}

type Of<K extends Check["check"]> = Extract<Check, { check: K }>;

function typeCheck({ type: name, decision }: Of<"type">, { where, type }: CheckPlace): RunCheck {
  const wanted = typeNamed(name, where);
  const there = castBetween(type, wanted);
  const back = castBetween(wanted, type);
  if (there === null || (decision === "coerce" && back === null))
    throw configInvalid(
      `${where}: there is no cast between ${columnTypeName(type)} and ${columnTypeName(wanted)}`,
      "Change the type in the schema map, not in the contract.",
    );
  return (value) => {
    const made = there(value);
    if (made instanceof Unfit) return made;
    return decision === "coerce" && back !== null ? back(made) : value;
  };
}

/** For checks that say themselves what stands instead. @returns what a value is that does not pass */
function stand(
  { decision, to }: { readonly decision: string; readonly to?: Constant | undefined },
  { where, type }: CheckPlace,
  unfit: Unfit,
): RunCheck {
  if ((decision === "coerce") !== (to !== undefined))
    throw configInvalid(
      decision === "coerce" ? `${where} coerces, but does not say to what` : `${where} has to, but does not coerce`,
      "coerce and to go together.",
    );
  if (to === undefined) return () => unfit;
  const value = valueOf(to, type, { where, role: "to" });
  return () => value;
}

function rangeCheck({ min, max, decision }: Of<"range">, { where, type }: CheckPlace): RunCheck {
  const compare = comparisonOf(type, where);
  if (min === undefined && max === undefined)
    throw configInvalid(`${where} has neither min nor max`, "Say one of them.");
  const least = min === undefined ? null : valueOf(min, type, { where, role: "min" });
  const most = max === undefined ? null : valueOf(max, type, { where, role: "max" });
  const unfit = new Unfit("range", `is ${boundsText(min, max)}`);
  const isCoerced = decision === "coerce";
  return (value) => {
    // No number, or no date of any calendar: it lies nowhere.
    if (Number.isNaN(value) || value === "NaN" || (type.kind !== "decimal" && typeof value === "string")) return unfit;
    if (least !== null && compare(value, least) < 0) return isCoerced ? least : unfit;
    return most !== null && compare(value, most) > 0 ? (isCoerced ? most : unfit) : value;
  };
}

function boundsText(min: Constant | undefined, max: Constant | undefined): string {
  if (min === undefined) return `above ${max}`;
  return max === undefined ? `below ${min}` : `not between ${min} and ${max}`;
}

function comparisonOf(type: ColumnType, where: string): (one: RowValue, other: RowValue) => number {
  switch (type.kind) {
    case "decimal":
      return (one, other) =>
        compareDecimals(normalDecimal(one as string) ?? "NaN", normalDecimal(other as string) ?? "NaN");
    case "integer":
    case "float":
    case "date":
    case "time":
    case "timestamp":
    case "timestamptz":
      return (one, other) => ((one as number) < (other as number) ? -1 : (one as number) > (other as number) ? 1 : 0);
    default:
      throw configInvalid(
        `${where}: ${columnTypeName(type)} has no range`,
        "Numbers, dates and times have one; for texts use length, pattern or values.",
      );
  }
}

function lengthCheck({ min = 0, max, decision }: Of<"length">, { where, type }: CheckPlace): RunCheck {
  const lengthOf = measureOf(type);
  const isCoerced = decision === "coerce";
  if (lengthOf === null || (isCoerced && type.kind === "array"))
    throw configInvalid(
      `${where}: ${columnTypeName(type)} has no length that could be ${isCoerced ? "cut" : "checked"}`,
      "Texts, bytes and bits have one, and arrays one that is not cut.",
    );
  if (max !== undefined && max < min)
    throw configInvalid(`${where}: no length is both ${min} and ${max}`, "Let min be less than max.");
  const [short, long] = [new Unfit("length", `is shorter than ${min}`), new Unfit("length", `is longer than ${max}`)];
  return (value) => {
    const length = lengthOf(value);
    if (length < min) return short;
    if (max === undefined || length <= max) return value;
    return isCoerced ? cut(value as string | Uint8Array, max) : long;
  };
}

function measureOf(type: ColumnType): ((value: RowValue) => number) | null {
  switch (type.kind) {
    case "text":
      return (value) => codePoints(value as string);
    case "bytes":
    case "bits":
      return (value) => (value as string | Uint8Array).length;
    case "array":
      return (value) => (value as ArrayValue).elements.length;
    default:
      return null;
  }
}

/** By code points, so that none is halved. */
function cut(value: string | Uint8Array, length: number): string | Uint8Array {
  if (typeof value !== "string") return value.subarray(0, length);
  let end = 0;
  for (let count = 0; count < length; count += 1) end += (value.codePointAt(end) as number) > 0xffff ? 2 : 1;
  return value.slice(0, end);
}

function patternCheck(check: Of<"pattern">, place: CheckPlace): RunCheck {
  const { where, type } = place;
  if (type.kind !== "text")
    throw configInvalid(`${where}: a pattern is for texts, not for ${columnTypeName(type)}`, "Use range or values.");
  const pattern = patternOf(check.pattern, where);
  const otherwise = stand(check, place, new Unfit("pattern", `does not match ${check.pattern}`));
  return (value) => (pattern.test(value as string) ? value : otherwise(value));
}

function patternOf(source: string, where: string): ReturnType<typeof compilePattern> {
  try {
    return compilePattern(source);
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    throw configInvalid(
      `${where}: ${what}`,
      "Patterns are those of RE2: https://github.com/google/re2/wiki/Syntax.",
      error,
    );
  }
}

function valuesCheck(check: Of<"values">, place: CheckPlace): RunCheck {
  const { where, type } = place;
  const keyOf = keyFor([type]);
  const allowed = new Set(check.values.map((each) => keyOf([valueOf(each, type, { where, role: "list of values" })])));
  const otherwise = stand(check, place, new Unfit("values", "is none of the allowed values"));
  return (value) => (allowed.has(keyOf([value])) ? value : otherwise(value));
}

export type Key = string | number | bigint;

/** @returns what is the same for values that count as the same, by their canonical form */
export function keyFor(types: readonly ColumnType[]): (values: readonly RowValue[]) => Key {
  const [only] = types;
  if (types.length === 1 && only !== undefined) {
    if (only.kind === "text" && !only.isPadded) return ([value]) => value as string;
    if (only.kind === "integer")
      return ([value]) => (typeof value === "bigint" ? wholeNumber(value) : (value as number));
  }
  const rows = new CanonicalRows(types);
  return (values) => Buffer.from(rows.encode(values)).toString("latin1");
}
