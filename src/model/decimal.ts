/**
 * Decimal numbers as text, exact whatever their length. The normal form has no exponent, no zeros that say nothing, no `+`
 * and no `-0`: two texts mean the same number when their normal forms are the same.
 */

const zero = 0x30;
const nine = 0x39;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;

/** What PostgreSQL's numeric holds; without a bound, `1e999999999` would fill the memory. */
const mostWholeDigits = 131_072;
const mostFractionDigits = 16_383;

const words = new Map([
  ["nan", "NaN"],
  ["infinity", "Infinity"],
  ["+infinity", "Infinity"],
  ["-infinity", "-Infinity"],
  ["inf", "Infinity"],
  ["+inf", "Infinity"],
  ["-inf", "-Infinity"],
]);

/** @returns the normal form; null when the text is no number, or one that no database holds */
export function normalDecimal(text: string): string | null {
  const { length } = text;
  const sign = text.charCodeAt(0);
  const first = sign === minus || sign === plus ? 1 : 0;
  let pointAt = -1;
  for (let at = first; at < length; at += 1) {
    const code = text.charCodeAt(at);
    if (code >= zero && code <= nine) continue;
    if (code !== point || pointAt >= 0) return unusual(text);
    pointAt = at;
  }
  const wholeEnd = pointAt < 0 ? length : pointAt;
  if (length - first - (pointAt < 0 ? 0 : 1) < 1) return null;
  return fromParts(text, sign === minus, { first, wholeEnd });
}

/** Where the digits of a text lie; those after the point, if there is one, reach to its end. */
interface Digits {
  readonly first: number;
  readonly wholeEnd: number;
}

function fromParts(text: string, isNegative: boolean, { first, wholeEnd }: Digits): string {
  let from = first;
  while (from < wholeEnd && text.charCodeAt(from) === zero) from += 1;
  let end = text.length;
  if (wholeEnd < end) while (text.charCodeAt(end - 1) === zero) end -= 1;
  if (end === wholeEnd + 1) end = wholeEnd;
  if (end <= from) return "0";
  // Most are normal already.
  if (from === wholeEnd) return `${isNegative ? "-" : ""}0${text.slice(from, end)}`;
  if (end === text.length && (isNegative ? from === 1 : from === 0)) return text;
  return isNegative ? `-${text.slice(from, end)}` : text.slice(from, end);
}

function unusual(text: string): string | null {
  const word = words.get(text.toLowerCase());
  if (word !== undefined) return word;
  const parsed = /^([+-]?)(\d*)(?:\.(\d*))?[eE]([+-]?\d{1,9})$/.exec(text);
  if (parsed === null) return null;
  const [, sign, whole = "", fraction = "", power] = parsed;
  if (whole.length + fraction.length === 0) return null;
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  if (digits === "") return "0";
  // The point stands so many digits from the left.
  const pointAt = digits.length - fraction.length + Number(power);
  if (pointAt > mostWholeDigits || digits.length - pointAt > mostFractionDigits) return null;
  const padded = pointAt > 0 ? digits.padEnd(pointAt, "0") : `${"0".repeat(1 - pointAt)}${digits}`;
  const at = Math.max(pointAt, 1);
  return normalDecimal(`${sign === "-" ? "-" : ""}${padded.slice(0, at)}.${padded.slice(at)}`);
}

/** Neither NaN nor an infinity. @param normal a normal form */
export function isFiniteDecimal(normal: string): boolean {
  const last = normal.charCodeAt(normal.length - 1);
  return last >= zero && last <= nine;
}

/** Without a fraction. @param normal a normal form of a finite number */
export function isWholeDecimal(normal: string): boolean {
  return !normal.includes(".");
}

/** @param normal a normal form of a finite number @returns how many digits stand before the point, 0 where that is a 0, and after it */
export function digitsOf(normal: string): { readonly whole: number; readonly fraction: number } {
  const first = normal.charCodeAt(0) === minus ? 1 : 0;
  const pointAt = normal.indexOf(".");
  const wholeEnd = pointAt < 0 ? normal.length : pointAt;
  const isBelowOne = wholeEnd - first === 1 && normal.charCodeAt(first) === zero;
  return { whole: isBelowOne ? 0 : wholeEnd - first, fraction: pointAt < 0 ? 0 : normal.length - pointAt - 1 };
}

/** @param normal a normal form of a finite number, of no more digits after the point @returns with exactly so many */
export function withScale(normal: string, scale: number): string {
  if (scale === 0) return normal;
  const pointAt = normal.indexOf(".");
  if (pointAt < 0) return `${normal}.${"0".repeat(scale)}`;
  return normal.padEnd(pointAt + 1 + scale, "0");
}

/** Below zero, zero, above: the first less, equal, more. NaN is above all, as PostgreSQL sorts it. @param one,other normal forms */
export function compareDecimals(one: string, other: string): number {
  if (one === other) return 0;
  const [oneRank, otherRank] = [rankOf(one), rankOf(other)];
  if (oneRank !== otherRank || !isFiniteDecimal(one)) return oneRank - otherRank;
  const isNegative = oneRank < 0;
  return isNegative ? compareMagnitudes(other.slice(1), one.slice(1)) : compareMagnitudes(one, other);
}

/** -Infinity, below zero, zero or above, Infinity, NaN. */
function rankOf(normal: string): number {
  if (normal === "NaN") return 3;
  if (normal === "Infinity") return 2;
  if (normal === "-Infinity") return -2;
  return normal.charCodeAt(0) === minus ? -1 : 1;
}

function compareMagnitudes(one: string, other: string): number {
  const [oneEnd, otherEnd] = [wholeLength(one), wholeLength(other)];
  if (oneEnd !== otherEnd) return oneEnd - otherEnd;
  // Of one length before the point, and without zeros at the end: in order of their characters.
  return one < other ? -1 : 1;
}

function wholeLength(magnitude: string): number {
  const pointAt = magnitude.indexOf(".");
  return pointAt < 0 ? magnitude.length : pointAt;
}
