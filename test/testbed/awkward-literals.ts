/** Texts and bytes that are hard to carry, as expressions of SQL. */
import pg from "pg";

export interface AwkwardType {
  /** As it stands after a column's name: also with a collation. */
  readonly type: string;
  /** Expressions of SQL that are assigned to it. NULL is not among them: each table has one row of it. */
  readonly values: readonly string[];
  /** The first major version that has these values. */
  readonly since?: number;
}

/** A literal of any text; NUL is no character of PostgreSQL's. */
export function quoted(text: string): string {
  return pg.escapeLiteral(text).trim();
}

/** Made on the server, so that a statement stays short. */
export function repeated(text: string, times: number): string {
  return `repeat(${quoted(text)}, ${times})`;
}

const marked = [
  ["", " ", "  ", "NULL", "null", "\\N", "\\.", "\\", "\\\\", "\\x41", "\\n", "'", "''", '"', '""', ",", ";", "\t"],
  ["\n", "\r", "\r\n", "\n\n", "\v", "\f", "\b", "\u0001", "\u001A", "\u001B", "\u007F", "end ", " begin", "a\\"],
  ["\\.\n", "line\n\\.\nline", "{}", "{NULL}", "()", "(,)", "$$", "$1", "%s", "--", "/* */", "0", "-0", "true", "NaN"],
].flat();

/** Some look alike, some are two for one: what is normalised on the way becomes another. */
const wide = [
  ["é", "e\u0301", "ß", "ﬀ", "İ", "ı", "Å", "\u212B", "日本語", "עברית", "\u202Eabc\u202C", "👍", "👍🏽", "👨‍👩‍👧"],
  ["\u0080", "\u0085", "\u00A0", "\u00AD", "\u200B", "\u2028", "\u2029", "\uFEFF", "\uFEFFa", "\uFFFD", "\uFFFE"],
  ["\uFFFF", "\uD7FF", "\uE000", "\u{10000}", "\u{10FFFF}", "\u{1F600}".repeat(3)],
].flat();

export const everyCharacter: readonly string[] = [
  ...[...marked, ...wide].map(quoted),
  // Every character of one byte, and of two.
  "(select string_agg(chr(i), '' order by i) from generate_series(1, 2047) i)",
  repeated("x", 1_000_000),
  // It does not shrink: it is stored beside its row in many pieces.
  "(select string_agg(md5(i::text), '' order by i) from generate_series(1, 4000) i)",
];

export const everyByte: readonly string[] = [
  ...["", "00", "0000", "5c", "5c5c", "27", "0a", "0d", "ff", "c3", "5c4e", "5c2e0a", "7f80", "efbbbf"].map(
    (hex) => `'\\x${hex}'`,
  ),
  "(select string_agg(set_byte('\\x00', 0, i), '' order by i) from generate_series(0, 255) i)",
  "convert_to(repeat('x', 1000000), 'UTF8')",
  "(select string_agg(sha256(i::text::bytea), '' order by i) from generate_series(1, 4000) i)",
];
