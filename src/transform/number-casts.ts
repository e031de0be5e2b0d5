/** Between integers, decimals, floats, booleans and their texts. Nothing is rounded: what would be is `inexact`. */
import { trimEndOf } from "../base/trim-end.ts";
import type { ColumnType } from "../model/column-type.ts";
import { isFiniteDecimal, isWholeDecimal, normalDecimal } from "../model/decimal.ts";
import { wholeNumber } from "../model/row-value.ts";
import { fitOf, normalDecimalFit, unfitFor } from "./fit.ts";
import { type Cast, inTurn, unchanged, type Unfit } from "./unfit.ts";

type Integer = Extract<ColumnType, { kind: "integer" }>;
type Float = Extract<ColumnType, { kind: "float" }>;

const zero = 0x30;
const nine = 0x39;
const minus = 0x2d;
/** So many digits, with a sign, are safe as a number. */
const safeDigits = 15;
/** Decimal digits that every float survives, unless it is so small that it has fewer. */
const keptDigits = { 32: 6, 64: 15 } as const;
/** Those that tell any two floats of 32 bits apart. */
const tellingDigits = 9;
const leastFull = { 32: 2 ** -126, 64: 2 ** -1022 } as const;

const trueWords = new Set(["true", "t", "yes", "y", "on", "1"]);
const falseWords = new Set(["false", "f", "no", "n", "off", "0"]);

/** @returns null where there is no such cast */
export function toInteger(from: ColumnType, to: Integer): Cast | null {
  const [unreadable, outside, inexact] = [
    unfitFor(to, "unreadable"),
    unfitFor(to, "out_of_range"),
    unfitFor(to, "inexact"),
  ];
  const wholeOf = (text: string): number | bigint | Unfit => {
    const normal = normalDecimal(text);
    if (normal === null) return unreadable;
    if (!isFiniteDecimal(normal)) return outside;
    if (!isWholeDecimal(normal)) return inexact;
    return normal.length <= safeDigits ? Number(normal) : wholeNumber(BigInt(normal));
  };
  const fit = fitOf(to);
  switch (from.kind) {
    case "integer":
      return isWithin(from, to) ? unchanged : fit;
    case "text":
    case "decimal":
      return inTurn((value) => (isShortWhole(value as string) ? Number(value) : wholeOf(value as string)), fit);
    case "float":
      return inTurn((value) => {
        if (!Number.isFinite(value)) return outside;
        if (!Number.isInteger(value)) return inexact;
        return Number.isSafeInteger(value) ? (value as number) + 0 : wholeNumber(BigInt(value as number));
      }, fit);
    case "boolean":
      return (value) => (value === true ? 1 : 0);
    case "bits":
      return inTurn((value) => (value === "" ? unreadable : wholeNumber(BigInt(`0b${value as string}`))), fit);
    default:
      return null;
  }
}

/** The most frequent form: a few digits, perhaps after a minus. */
function isShortWhole(text: string): boolean {
  const first = text.charCodeAt(0) === minus ? 1 : 0;
  if (text.length <= first || text.length - first > safeDigits) return false;
  for (let at = first; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < zero || code > nine) return false;
  }
  // `-0` is no whole number as cells hold it.
  return first === 0 || text.charCodeAt(1) !== zero;
}

function isWithin(from: Integer, to: Integer): boolean {
  if (from.isUnsigned === to.isUnsigned) return from.bits <= to.bits;
  return from.isUnsigned && from.bits < to.bits;
}

export function toDecimal(from: ColumnType, to: Extract<ColumnType, { kind: "decimal" }>): Cast | null {
  const unreadable = unfitFor(to, "unreadable");
  const fit = fitOf(to);
  switch (from.kind) {
    case "decimal":
      return from.precision !== null && from.precision === to.precision && from.scale === to.scale ? unchanged : fit;
    case "text":
      return decimalOfText(to, unreadable);
    case "integer":
      return inTurn((value) => (value as number).toString(), fit);
    case "boolean":
      return inTurn((value) => (value === true ? "1" : "0"), fit);
    case "float":
      return inTurn((value) => normalDecimal(floatText(value as number, from.bits)) ?? unreadable, fit);
    default:
      return null;
  }
}

function decimalOfText(to: Extract<ColumnType, { kind: "decimal" }>, unreadable: Unfit): Cast {
  const { precision, scale } = to;
  if (precision === null)
    return (value) => (isPlain(value as string) ? value : (normalDecimal(value as string) ?? unreadable));
  const fit = normalDecimalFit(to, precision, scale ?? 0);
  return (value) => {
    const normal = normalDecimal(value as string);
    return normal === null ? unreadable : fit(normal);
  };
}

/** As an engine writes it: its scale is kept then. */
function isPlain(text: string): boolean {
  return /^(?:0|-?[1-9]\d{0,99}|-?0(?=\.\d*[1-9]))(?:\.\d{1,99})?$/.test(text);
}

export function toFloat(from: ColumnType, to: Float): Cast | null {
  switch (from.kind) {
    case "float":
      return from.bits <= to.bits ? unchanged : fitOf(to);
    case "text":
    case "decimal":
      return floatOfText(to);
    case "integer": {
      const inexact = unfitFor(to, "inexact");
      return inTurn((value) => {
        const float = Number(value);
        return typeof value === "bigint" && BigInt(float) !== value ? inexact : float;
      }, fitOf(to));
    }
    default:
      return null;
  }
}

/** A decimal becomes the float that is nearest to it, if the shortest text of that one is the decimal again. */
function floatOfText(to: Float): Cast {
  const [unreadable, outside, inexact] = [
    unfitFor(to, "unreadable"),
    unfitFor(to, "out_of_range"),
    unfitFor(to, "inexact"),
  ];
  return (value) => {
    const normal = normalDecimal(value as string);
    if (normal === null) return unreadable;
    if (!isFiniteDecimal(normal)) return Number(normal);
    const exact = Number(normal);
    const float = to.bits === 32 ? Math.fround(exact) : exact;
    if (!Number.isFinite(float) || (float === 0 && normal !== "0")) return outside;
    // Only a float has a negative zero, so that its text has one as well.
    if (float === 0) return (value as string).startsWith("-") ? -0 : 0;
    if (significantDigits(normal) <= keptDigits[to.bits] && Math.abs(float) >= leastFull[to.bits]) return float;
    return normalDecimal(floatText(float, to.bits)) === normal ? float : inexact;
  };
}

function significantDigits(normal: string): number {
  const digits = normal.replace(/^-?(?:0\.0*)?/, "").replace(".", "");
  return trimEndOf(digits, "0").length;
}

/** The shortest text that means this float and no other. */
export function floatText(value: number, bits: 32 | 64): string {
  if (Object.is(value, -0)) return "-0";
  if (bits === 64 || !Number.isFinite(value)) return String(value);
  const first = Math.abs(value) < leastFull[32] ? 1 : keptDigits[32];
  for (let digits: number = first; digits < tellingDigits; digits += 1) {
    const text = value.toPrecision(digits);
    if (Math.fround(Number(text)) === value) return String(Number(text));
  }
  return String(Number(value.toPrecision(tellingDigits)));
}

export function toBoolean(from: ColumnType, to: ColumnType): Cast | null {
  const [unreadable, outside] = [unfitFor(to, "unreadable"), unfitFor(to, "out_of_range")];
  switch (from.kind) {
    case "boolean":
      return unchanged;
    case "text":
      return (value) => {
        if (trueWords.has(value as string)) return true;
        if (falseWords.has(value as string)) return false;
        const lower = (value as string).toLowerCase();
        if (trueWords.has(lower)) return true;
        return falseWords.has(lower) ? false : unreadable;
      };
    case "integer":
      return (value) => (value === 1 ? true : value === 0 ? false : outside);
    case "bits":
      return (value) => (value === "1" ? true : value === "0" ? false : outside);
    default:
      return null;
  }
}
