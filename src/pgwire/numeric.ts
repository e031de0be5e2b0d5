/**
 * Numbers of any length as PostgreSQL sends them: digits of base 10,000, the weight of the first of them, a sign and the
 * digits shown after the point (`numeric_send` in src/backend/utils/adt/numeric.c).
 */
import { normalDecimal } from "../model/decimal.ts";

const numericSigns = { positive: 0, negative: 0x4000, nan: 0xc000, infinity: 0xd000, minusInfinity: 0xf000 };

const groupDigits = 4;
const zero = 0x30;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;

/** Its last answer: used again, so that a cell needs no memory of its own. */
export class NumericGroups {
  groups = new Uint16Array(64);
  count = 0;
  weight = 0;
  sign = 0;
  scale = 0;

  /** @returns false where the text is no number */
  read(text: string): boolean {
    const { length } = text;
    const first = text.charCodeAt(0);
    const from = first === minus || first === plus ? 1 : 0;
    let pointAt = length;
    for (let at = from; at < length; at += 1) {
      const code = text.charCodeAt(at);
      if (code >= zero && code <= zero + 9) continue;
      if (code !== point || pointAt !== length) return this.#unusual(text);
      pointAt = at;
    }
    const whole = pointAt - from;
    const fraction = pointAt === length ? 0 : length - pointAt - 1;
    if (whole + fraction === 0) return this.#unusual(text);
    this.scale = fraction;
    this.#fill(text, { from, pointAt, whole, fraction });
    this.sign = this.count > 0 && first === minus ? numericSigns.negative : numericSigns.positive;
    return true;
  }

  #fill(text: string, { from, pointAt, whole, fraction }: Parts): void {
    const wholeGroups = Math.ceil(whole / groupDigits);
    const all = wholeGroups + Math.ceil(fraction / groupDigits);
    if (all > this.groups.length) this.groups = new Uint16Array(all * 2);
    let [count, leading] = [0, 0];
    let last = 0;
    // The first group of the whole part may be short, as the last one of the fraction.
    let at = from;
    for (let index = 0; index < all; index += 1) {
      const end = index < wholeGroups ? pointAt - groupDigits * (wholeGroups - index - 1) : at + groupDigits;
      if (index === wholeGroups) at = pointAt + 1;
      let value = 0;
      for (const stop = index < wholeGroups ? end : at + groupDigits; at < stop; at += 1)
        value = value * 10 + (at < text.length ? text.charCodeAt(at) - zero : 0);
      if (value === 0 && count === 0) {
        leading += 1;
        continue;
      }
      this.groups[count] = value;
      count += 1;
      if (value !== 0) last = count;
    }
    this.count = last;
    this.weight = last === 0 ? 0 : wholeGroups - leading - 1;
  }

  #unusual(text: string): boolean {
    const normal = normalDecimal(text);
    if (normal === null) return false;
    const word = { NaN: "nan", Infinity: "infinity", "-Infinity": "minusInfinity" }[normal] as
      | keyof typeof numericSigns
      | undefined;
    if (word === undefined) return this.read(normal);
    [this.count, this.weight, this.scale, this.sign] = [0, 0, 0, numericSigns[word]];
    return true;
  }
}

interface Parts {
  readonly from: number;
  readonly pointAt: number;
  readonly whole: number;
  readonly fraction: number;
}

/** @param view of the whole row @param at where the number begins @returns its text, with its scale */
export function numericText(view: DataView, at: number): string {
  const count = view.getUint16(at);
  const weight = view.getInt16(at + 2);
  const sign = view.getUint16(at + 4);
  const scale = view.getUint16(at + 6);
  if (sign === numericSigns.nan) return "NaN";
  if (sign === numericSigns.infinity) return "Infinity";
  if (sign === numericSigns.minusInfinity) return "-Infinity";
  const group = (index: number): number => (index >= 0 && index < count ? view.getUint16(at + 8 + 2 * index) : 0);
  let text = sign === numericSigns.negative ? "-" : "";
  if (weight < 0) text += "0";
  for (let index = 0; index <= weight; index += 1)
    text += index === 0 ? String(group(index)) : String(group(index)).padStart(groupDigits, "0");
  if (scale === 0) return text;
  let fraction = "";
  for (let index = weight + 1; fraction.length < scale; index += 1)
    fraction += String(group(index)).padStart(groupDigits, "0");
  return `${text}.${fraction.slice(0, scale)}`;
}
