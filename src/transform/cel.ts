/**
 * The environment of expressions: CEL's own functions, those for strings, and `round`. Where the library reads a text
 * more kindly than CEL does (`int("")` as 0, `double("x")` as NaN, the 30th of February as the 1st of March), a value would
 * be made up; here these fail.
 */
import { type CelEnv, celEnv, celFunc, CelScalar, celUint, objectType } from "@bufbuild/cel";
import { strings } from "@bufbuild/cel/ext";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { parseInstant } from "../model/civil-time.ts";
import { normalDecimal } from "../model/decimal.ts";
import { leastInt, mostInt, mostUint, timestampOf } from "./cel-values.ts";
import { compilePattern } from "./pattern.ts";
import { Unfit } from "./unfit.ts";

export type FuncResolver = CelEnv["funcs"];

const { BOOL, DOUBLE, INT, STRING, UINT } = CelScalar;

/** Digits after the point that a double can have at all. */
const mostRoundDigits = 100;
/** From here on every double is whole, and `toFixed` would write an exponent. */
const leastWholeDouble = 1e21;

const round = celFunc("round", [DOUBLE, INT], DOUBLE, (value, digits) => {
  if (digits < 0n || digits > mostRoundDigits) throw new RangeError("round: digits out of range");
  return Math.abs(value) < leastWholeDouble ? Number(value.toFixed(Number(digits))) : value;
});

const intOfText = celFunc("int", [STRING], INT, (text) => wholeOf(text, leastInt, mostInt));
const uintOfText = celFunc("uint", [STRING], UINT, (text) => celUint(wholeOf(text, 0n, mostUint)));

function wholeOf(text: string, least: bigint, most: bigint): bigint {
  if (!/^[+-]?\d{1,20}$/.test(text)) throw new SyntaxError("no whole number");
  const whole = BigInt(text.replace("+", ""));
  if (whole < least || whole > most) throw new RangeError("int overflow");
  return whole;
}

const doubleOfText = celFunc("double", [STRING], DOUBLE, (text) => {
  const normal = normalDecimal(text);
  if (normal === null) throw new SyntaxError("no number");
  const double = Number(normal);
  return double === 0 && text.startsWith("-") ? -0 : double;
});

/** RFC 3339, as CEL has it: with a zone, and with seconds. */
const timestampForm = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)$/;

const timestampOfText = celFunc("timestamp", [STRING], objectType(TimestampSchema), (text) => {
  const moment = timestampForm.test(text) ? parseInstant(text) : null;
  const timestamp = moment === null ? null : timestampOf(moment);
  if (timestamp === null || timestamp instanceof Unfit) throw new SyntaxError("no timestamp");
  return timestamp;
});

/** The library takes a pattern apart anew for each row. */
const matches = celFunc("matches", [STRING, STRING], BOOL, (text, pattern) => compilePattern(pattern).test(text));

export const expressionEnv: CelEnv = celEnv({
  funcs: [...strings, round, intOfText, uintOfText, doubleOfText, timestampOfText, matches],
  re2: { compile: compilePattern },
});
