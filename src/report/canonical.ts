import canonicalize from "canonicalize";
import { assert } from "../base/assert.ts";

/**
 * JSON in the one form that is hashed and signed: RFC 8785 (keys sorted by UTF-16 code units, no spaces, numbers as
 * ECMAScript prints them). Godwit narrows it to integers up to 2^53 - 1, which every parser reads without loss.
 */
export function canonicalJson(value: unknown): string {
  const number = inexactNumber(value);
  assert(number === null, `${number} has no exact canonical form`);
  const text = canonicalize(value);
  assert(text !== undefined, "nothing to put into canonical form");
  return text;
}

/** The first number in a JSON value that is no safe integer, or null. */
export function inexactNumber(value: unknown): number | null {
  if (typeof value === "number") return Number.isSafeInteger(value) ? null : value;
  if (typeof value !== "object" || value === null) return null;
  if (Array.isArray(value)) {
    for (const element of value) {
      const found = inexactNumber(element);
      if (found !== null) return found;
    }
    return null;
  }
  for (const key in value) {
    const found = inexactNumber((value as Record<string, unknown>)[key]);
    if (found !== null) return found;
  }
  return null;
}
