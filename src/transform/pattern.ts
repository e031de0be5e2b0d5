/**
 * Patterns in the syntax of RE2, which are matched in linear time: a value from somewhere else cannot make one run for
 * minutes, as it can with JavaScript's own (https://github.com/google/re2/wiki/Syntax).
 */
import { RE2JS } from "@bufbuild/re2";

export interface Pattern {
  /** Somewhere in the text: `^` and `$` hold it to the ends. */
  test(text: string): boolean;
}

/** An expression may make its pattern from a cell: so many are kept. */
const keptMax = 256;
const kept = new Map<string, Pattern>();

/** @throws Error whose message says what is wrong with it */
export function compilePattern(source: string): Pattern {
  const known = kept.get(source);
  if (known !== undefined) return known;
  const pattern = RE2JS.compile(source);
  if (kept.size >= keptMax) kept.clear();
  kept.set(source, pattern);
  return pattern;
}
