import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJsonText } from "./canonical-json.ts";

test.for([
  ["the same as it is", '[1,true,null,"a"]', '[1,true,null,"a"]'],
  ["without spaces", ' {"b" : [ ] ,\n\t"a":{ } } ', '{"a":{},"b":[]}'],
  ["the last of a name that comes twice in turn", '{"a":1,"a":2}', '{"a":2}'],
  ["the last of each name", '{"a":1,"b":2,"a":3}', '{"a":3,"b":2}'],
  ["strings by their characters", String.raw`["é\/\n\"😀"]`, String.raw`["é/\n\"😀"]`],
  ["halves of characters stay escaped", String.raw`"\ud83d"`, String.raw`"\ud83d"`],
  ["numbers by their worth", "[1.0,1,10e-1,-0,0.0e5,100,1.50,-2E+2]", "[1,1,1,0,0,1e2,15e-1,-2e2]"],
  ["numbers however long", "123456789012345678901234567890.5", "1234567890123456789012345678905e-1"],
  ["exponents however large", "1e99999999999999999999", "1e99999999999999999999"],
  [
    "names by code units, not by their escapes",
    String.raw`{"\u20ac":1,"z":2,"\"":3,"😀":4,"｡":5}`,
    '{"\\"":3,"z":2,"€":1,"😀":4,"｡":5}',
  ],
  ["names that mean something elsewhere", '{"__proto__":1,"constructor":2}', '{"__proto__":1,"constructor":2}'],
  ["empty strings and names", '{"":""}', '{"":""}'],
])("%s", ([, text, canonical]) => {
  expect(canonicalJsonText(text as string)).toBe(canonical);
});

test.for([
  "",
  " ",
  "[",
  "]",
  "[1,]",
  '{"a"}',
  '{"a":}',
  '{"a":1,}',
  "{a:1}",
  "01",
  "+1",
  "1.",
  ".5",
  "NaN",
  "'a'",
  '"a',
  '"\u0001"',
  String.raw`"\x"`,
  String.raw`"\u12"`,
  "[1}",
  "1 2",
  "[1 2]",
  "nul",
  "[1]]",
  ",",
  "{1:2}",
  "tru",
])("%j is no JSON", (text) => {
  expect(canonicalJsonText(text)).toBe(null);
  expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
});

test("it means the same as the text, and is the same for every way to write it", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.nat(3), (value, spaces) => {
      const text = JSON.stringify(value);
      const canonical = canonicalJsonText(text) as string;
      expect(JSON.parse(canonical)).toEqual(JSON.parse(text));
      expect(canonicalJsonText(JSON.stringify(reversed(value), null, spaces))).toBe(canonical);
      expect(canonicalJsonText(canonical)).toBe(canonical);
    }),
  );
});

/** The same, with the members of every object in the other order. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, member]) => [name, reversed(member)]),
  );
}

test("any text is JSON for it exactly when it is for the platform", () => {
  const piece = fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"a"',
    '"',
    "\\",
    "1",
    "-",
    ".",
    "e",
    "0",
    " ",
    "true",
    "null",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
      const text = pieces.join("");
      expect(canonicalJsonText(text) !== null).toBe(isJson(text));
    }),
    { numRuns: 2_000 },
  );
});

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

test("a document may be long: strings of many megabytes, with and without escapes", () => {
  const long = "é\\n".repeat(5_000_000);
  for (const value of [long, "a".repeat(20_000_000)]) {
    const text = JSON.stringify([value]);
    expect(canonicalJsonText(text) === text).toBe(true);
  }
});

test("a document may be deep", () => {
  const depth = 100_000;
  const text = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  expect(canonicalJsonText(text)).toBe(text);
});
