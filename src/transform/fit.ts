/** Whether a value of a column's kind keeps the column's bounds: its width, its digits, its length. */
import { trimEndOf } from "../base/trim-end.ts";
import type { ColumnType } from "../model/column-type.ts";
import { columnTypeName, mostDigits } from "../model/column-type.ts";
import { digitsOf, isFiniteDecimal, normalDecimal, withScale } from "../model/decimal.ts";
import type { RowValue } from "../model/row-value.ts";
import { type Cast, Unfit, unchanged, type UnfitReason } from "./unfit.ts";

const reasonWords: Readonly<Partial<Record<UnfitReason, string>>> = {
  unreadable: "cannot be read as one",
  out_of_range: "out of range",
  inexact: "something would be lost",
  too_long: "too long",
  no_such_date: "no calendar has this date",
  not_utf8: "the bytes are no UTF-8",
};

/** What a cast to this type says of a value that it cannot hold. */
export function unfitFor(type: ColumnType, reason: UnfitReason): Unfit {
  return new Unfit(reason, `is no ${columnTypeName(type)}: ${reasonWords[reason] ?? reason}`);
}

/** @returns `unchanged` where every value of the kind fits */
export function fitOf(type: ColumnType): Cast {
  switch (type.kind) {
    case "integer":
      return integerFit(type);
    case "decimal":
      return type.precision === null ? unchanged : decimalFit(type, type.precision, type.scale ?? 0);
    case "float":
      return type.bits === 64 ? unchanged : shortFloatFit(type);
    case "text":
      return type.length === null ? unchanged : textFit(type, type.length, type.isPadded);
    case "bytes":
    case "bits":
      return type.length === null ? unchanged : lengthFit(type, type.length);
    case "time":
    case "timestamp":
    case "timestamptz":
      return type.digits === mostDigits ? unchanged : digitsFit(type, type.digits);
    case "boolean":
    case "date":
    case "timetz":
    case "interval":
    case "uuid":
    case "json":
    case "array":
      return unchanged;
  }
}

function integerFit(type: Extract<ColumnType, { kind: "integer" }>): Cast {
  const unfit = unfitFor(type, "out_of_range");
  const least = type.isUnsigned ? 0n : -(2n ** BigInt(type.bits - 1));
  const most = 2n ** BigInt(type.isUnsigned ? type.bits : type.bits - 1) - 1n;
  const [leastNumber, mostNumber] = [Number(least), Number(most)];
  return (value) => {
    // A number in a cell is safe, so that the comparison with a rounded border of 64 bits is right as well.
    const fits =
      typeof value === "number"
        ? value >= leastNumber && value <= mostNumber
        : (value as bigint) >= least && (value as bigint) <= most;
    return fits ? value : unfit;
  };
}

function decimalFit(type: ColumnType, precision: number, scale: number): Cast {
  const fit = normalDecimalFit(type, precision, scale);
  const outside = unfitFor(type, "out_of_range");
  return (value) => {
    const normal = normalDecimal(value as string);
    return normal === null ? outside : fit(normal);
  };
}

/** For decimals in normal form. */
export function normalDecimalFit(
  type: ColumnType,
  precision: number,
  scale: number,
): (normal: string) => string | Unfit {
  const [outside, inexact] = [unfitFor(type, "out_of_range"), unfitFor(type, "inexact")];
  return (normal) => {
    // NaN has no digits that could be too many; PostgreSQL takes it in any numeric, others in none.
    if (!isFiniteDecimal(normal)) return outside;
    const { whole, fraction } = digitsOf(normal);
    if (whole > precision - scale) return outside;
    return fraction > scale ? inexact : withScale(normal, scale);
  };
}

function shortFloatFit(type: ColumnType): Cast {
  const [outside, inexact] = [unfitFor(type, "out_of_range"), unfitFor(type, "inexact")];
  return (value) => {
    const short = Math.fround(value as number);
    if (Object.is(short, value)) return value;
    return Number.isFinite(short) ? inexact : outside;
  };
}

/** In code points. Spaces that a padded column would not keep are no loss. */
function textFit(type: ColumnType, length: number, isPadded: boolean): Cast {
  const unfit = unfitFor(type, "too_long");
  return (value) => {
    const text = value as string;
    if (text.length <= length || codePoints(text) <= length) return value;
    if (!isPadded) return unfit;
    const bare = trimEndOf(text, " ");
    return codePoints(bare) <= length ? bare : unfit;
  };
}

export function codePoints(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; at += 1) {
    const isSecondHalf = (text.charCodeAt(at) & 0xfc00) === 0xdc00;
    if (!isSecondHalf) count += 1;
  }
  return count;
}

function lengthFit(type: ColumnType, length: number): Cast {
  const unfit = unfitFor(type, "too_long");
  return (value) => ((value as string | Uint8Array).length <= length ? value : unfit);
}

/** Of parts of a second; what no calendar has is left as it is. */
function digitsFit(type: ColumnType, digits: number): Cast {
  const unfit = unfitFor(type, "inexact");
  const unit = 10 ** (mostDigits - digits);
  const unitBig = BigInt(unit);
  return (value: RowValue) => {
    if (typeof value === "bigint") return value % unitBig === 0n ? value : unfit;
    // Infinity leaves no rest that is a number.
    return typeof value === "number" && Math.abs(value % unit) > 0 ? unfit : value;
  };
}
