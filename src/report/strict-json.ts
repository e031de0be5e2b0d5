import { GodwitError } from "../base/errors.ts";
import { canonicalJson, inexactNumber } from "./canonical.ts";

/** A JSON text read so that every other parser must read the same from it. */
export interface StrictJson {
  readonly value: unknown;
  readonly canonical: string;
}

/**
 * Spaces, order of keys and escapes are free. A key that stands twice, or a number that is no plain integer up to
 * 2^53 - 1, is refused: parsers differ on those, so they could show one reader what another has not checked.
 * @throws report_invalid
 */
export function parseStrictly(text: string): StrictJson {
  try {
    const value: unknown = JSON.parse(text);
    if (inexactNumber(value) !== null) throw new Error(`the number ${inexactNumber(value)} is not exact`);
    const canonical = canonicalJson(value);
    if (canonical !== text) checkTokens(text, value);
    return { value, canonical };
  } catch (cause) {
    throw invalidReport(`it holds JSON that cannot be taken as it stands (${reason(cause)})`, cause);
  }
}

export function invalidReport(why: string, cause?: unknown): GodwitError {
  return new GodwitError("report_invalid", {
    disposition: "rejected",
    what: `this is no whole report of Godwit: ${why}`,
    hint: "Give the JSON file as `godwit report` wrote it; one that was cut off in transfer must be fetched again.",
    cause,
  });
}

/** Strings, numbers and colons; the rest of JSON cannot hide anything. */
const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*|:/g;

function checkTokens(text: string, value: unknown): void {
  let colons = 0;
  for (const [token] of text.matchAll(tokens)) {
    if (token === ":") colons += 1;
    else if (!token.startsWith('"') && String(Number(token)) !== token) throw new Error(`the number ${token}`);
  }
  if (colons !== countKeys(value)) throw new Error("a key that stands twice");
}

function countKeys(root: unknown): number {
  let keys = 0;
  const open: unknown[] = [root];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== "object" || value === null) continue;
    if (!Array.isArray(value)) keys += Object.keys(value).length;
    for (const child of Object.values(value)) open.push(child);
  }
  return keys;
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message.slice(0, 200) : String(cause);
}
