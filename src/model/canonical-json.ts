/**
 * JSON by what it says: no spaces, members in order of their names (by UTF-16 code units) and the last of each name, each
 * string as ECMAScript writes it, each number as its digits and an exponent. Numbers stay exact, however long they are.
 * Works without recursion and without regular expressions on what may be long: documents of a stranger may be as deep and
 * as long as they like.
 */

interface Open {
  readonly isObject: boolean;
  /** Of an object with their names: `"a":1`. */
  readonly parts: string[];
  /** Of an object: as the parts, without quotes and escapes. */
  readonly names: string[];
  /** Each name so far is after the one before it, as is usual where a machine has written it. */
  isSorted: boolean;
  /** Of the member whose value comes next, as it is written. */
  name: string;
}

const quote = 0x22;
const backslash = 0x5c;
const minus = 0x2d;
const plus = 0x2b;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const comma = 0x2c;
const colon = 0x3a;
const openingBracket = 0x5b;
const closingBracket = 0x5d;
const openingBrace = 0x7b;
const closingBrace = 0x7d;
const words = ["true", "false", "null"] as const;
// oxlint-disable-next-line no-control-regex
const control = /[\u0000-\u001f]/;

/** @returns null when the text is no JSON */
export function canonicalJsonText(text: string): string | null {
  return new Reader(text).read();
}

class Reader {
  readonly #text: string;
  #at = 0;
  readonly #open: Open[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  read(): string | null {
    for (;;) {
      const begun = this.#value();
      if (begun === null) return null;
      if (begun === "open") continue;
      const whole = this.#close(begun);
      if (whole !== "more") return whole;
    }
  }

  /** @returns a value that is whole; `open` where one begins in an object or array; null where there is none */
  #value(): string | null {
    this.#skipSpace();
    const code = this.#text.charCodeAt(this.#at);
    if (code === quote) return this.#string();
    if (code === minus || (code >= zero && code <= nine)) return this.#number();
    if (this.#take(openingBracket)) return this.#openArray();
    if (this.#take(openingBrace)) return this.#openObject();
    const word = words.find((each) => this.#text.startsWith(each, this.#at)) ?? null;
    this.#at += word?.length ?? 0;
    return word;
  }

  #openArray(): string {
    if (this.#take(closingBracket)) return "[]";
    this.#open.push(opened(false));
    return "open";
  }

  #openObject(): string | null {
    if (this.#take(closingBrace)) return "{}";
    const open = opened(true);
    this.#open.push(open);
    return this.#name(open) ? "open" : null;
  }

  /** A value has ended, and perhaps what it stands in. @returns the whole text at its end, `more` before it; null where it is wrong */
  #close(value: string): string | null {
    let whole = value;
    for (;;) {
      const open = this.#open.at(-1);
      if (open === undefined) {
        this.#skipSpace();
        return this.#at === this.#text.length ? whole : null;
      }
      if (open.isObject) addMember(open, whole);
      else open.parts.push(whole);
      if (this.#take(comma)) return !open.isObject || this.#name(open) ? "more" : null;
      if (!this.#take(open.isObject ? closingBrace : closingBracket)) return null;
      this.#open.pop();
      whole = open.isObject ? objectText(open) : `[${open.parts.join(",")}]`;
    }
  }

  #name(open: Open): boolean {
    this.#skipSpace();
    const name = this.#text.charCodeAt(this.#at) === quote ? this.#string() : null;
    if (name === null || !this.#take(colon)) return false;
    open.name = name;
    return true;
  }

  /** From a quote to its partner. @returns null when it has none, or when what stands between them is no string */
  #string(): string | null {
    let end = this.#at;
    do end = this.#text.indexOf('"', end + 1);
    while (end > 0 && this.#isEscaped(end));
    if (end < 0) return null;
    const literal = this.#text.slice(this.#at, end + 1);
    this.#at = end + 1;
    if (!literal.includes("\\")) return control.test(literal) ? null : literal;
    try {
      return JSON.stringify(JSON.parse(literal));
    } catch {
      // An escape that is none, or a control character.
      return null;
    }
  }

  #isEscaped(at: number): boolean {
    let from = at;
    while (this.#text.charCodeAt(from - 1) === backslash) from -= 1;
    return (at - from) % 2 === 1;
  }

  #number(): string | null {
    const isNegative = this.#takeCode(minus);
    const wholeFrom = this.#at;
    const whole = this.#digits();
    // The form allows no zero before other digits.
    if (whole === "" || (whole.length > 1 && this.#text.charCodeAt(wholeFrom) === zero)) return null;
    const hasPoint = this.#takeCode(point);
    const fraction = hasPoint ? this.#digits() : "";
    if (hasPoint && fraction === "") return null;
    const mark = this.#text.charAt(this.#at);
    if (mark !== "e" && mark !== "E") return numberText({ isNegative, whole, fraction, power: "0" });
    this.#at += 1;
    const isPowerNegative = this.#takeCode(minus);
    if (!isPowerNegative) this.#takeCode(plus);
    const power = this.#digits();
    return power === ""
      ? null
      : numberText({ isNegative, whole, fraction, power: isPowerNegative ? `-${power}` : power });
  }

  #digits(): string {
    const from = this.#at;
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      // Also past the end, where there is no number.
      if (!(code >= zero && code <= nine)) return this.#text.slice(from, this.#at);
      this.#at += 1;
    }
  }

  #takeCode(code: number): boolean {
    const isNext = this.#text.charCodeAt(this.#at) === code;
    if (isNext) this.#at += 1;
    return isNext;
  }

  /** Goes past this mark if it is what comes after spaces. */
  #take(mark: number): boolean {
    this.#skipSpace();
    return this.#takeCode(mark);
  }

  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }
}

/** @param literal in quotes, in canonical form */
function nameOf(literal: string): string {
  return literal.includes("\\") ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}

function opened(isObject: boolean): Open {
  return { isObject, parts: [], names: [], isSorted: true, name: "" };
}

function addMember(open: Open, value: string): void {
  const name = nameOf(open.name);
  const last = open.names.at(-1);
  // By code units, as ECMAScript compares texts. A name that comes twice is not after itself.
  if (last !== undefined && last >= name) open.isSorted = false;
  open.names.push(name);
  open.parts.push(`${open.name}:${value}`);
}

function objectText({ names, parts, isSorted }: Open): string {
  if (isSorted) return `{${parts.join(",")}}`;
  // The last of each name stays.
  const last = new Map(names.map((name, index) => [name, parts[index] as string]));
  const sorted = [...last.keys()].toSorted();
  return `{${sorted.map((name) => last.get(name)).join(",")}}`;
}

interface NumberParts {
  readonly isNegative: boolean;
  readonly whole: string;
  readonly fraction: string;
  readonly power: string;
}

/** Digits without zeros at either end, and an exponent: `1.50` and `15e-1` are both `15e-1`. */
function numberText({ isNegative, whole, fraction, power }: NumberParts): string {
  // Most are whole, short, and do not end with a zero.
  if (fraction === "" && power === "0" && whole.charCodeAt(whole.length - 1) !== zero)
    return isNegative ? `-${whole}` : whole;
  const digits = `${whole}${fraction}`;
  let [from, end] = [0, digits.length];
  while (from < end && digits.charCodeAt(from) === zero) from += 1;
  while (end > from && digits.charCodeAt(end - 1) === zero) end -= 1;
  if (from === end) return "0";
  const exponent = BigInt(power) + BigInt(digits.length - end - fraction.length);
  const text = `${isNegative ? "-" : ""}${digits.slice(from, end)}`;
  return exponent === 0n ? text : `${text}e${exponent}`;
}
