import { expect, test } from "vitest";
import { canonicalJson } from "./canonical.ts";
import { parseStrictly } from "./strict-json.ts";

test("keys are sorted by UTF-16 code units, as in the example of RFC 8785 section 3.2.3", () => {
  const value = {
    "\u20ac": "Euro Sign",
    "\r": "Carriage Return",
    "\ufb33": "Hebrew Letter Dalet With Dagesh",
    1: "One",
    "\ud83d\ude00": "Emoji: Grinning Face",
    "\u0080": "Control",
    "\u00f6": "Latin Small Letter O With Diaeresis",
  };
  const order = Object.values(JSON.parse(canonicalJson(value)) as Record<string, string>);
  // JSON.parse puts "1" first, which the canonical text does not.
  expect(order).toHaveLength(7);
  const names = [...canonicalJson(value).matchAll(/:"([A-Z][a-z]+)/g)].map(([, word]) => word);
  expect(names).toEqual(["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]);
});

test("strings are escaped as RFC 8785 section 3.2.2.2 says", () => {
  expect(canonicalJson({ string: '\u20ac$\u000f\nA\'B"\\\\"/' })).toBe('{"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}');
});

test("numbers that are no safe integers are a defect, wherever they stand", () => {
  expect(canonicalJson({ bytes: Number.MAX_SAFE_INTEGER })).toBe('{"bytes":9007199254740991}');
  for (const number of [2 ** 53, 0.5, Number.NaN, -(2 ** 60)]) {
    expect(() => canonicalJson({ a: [{ b: number }] })).toThrow("no exact canonical form");
  }
});

test("spaces, order and escapes are free when a text is read", () => {
  const { value, canonical } = parseStrictly('{ "b" : [1, "x:\\u0041\\/"],\n "a": null }');
  expect(value).toEqual({ a: null, b: [1, "x:A/"] });
  expect(canonical).toBe('{"a":null,"b":[1,"x:A/"]}');
});

test.each([
  ["a key twice", '{"a":1,"a":2}'],
  ["a key twice, deep down", '{"x":[{"a":1,"b":2,"a":1}]}'],
  ["a key twice in two spellings", '{"a":1,"\\u0061":2}'],
  ["a fraction that rounds away", '{"a":9007199254740991.1}'],
  ["a number with a fraction of zero", '{"a":1.0}'],
  ["a number with an exponent", '{"a":1e3}'],
  ["a minus zero", '{"a":-0}'],
  ["a number beyond 2^53", '{"a":9007199254740993}'],
  ["a lone surrogate", '{"a":"\\ud800"}'],
  ["no JSON", '{"a":1'],
])("a text with %s is refused", (_name, text) => {
  expect(() => parseStrictly(text)).toThrow("report_invalid");
});
