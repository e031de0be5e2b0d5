import * as fc from "fast-check";
import { expect, test } from "vitest";
import { childrenNamed, childText, escapeXml, parseXml } from "./client-xml.ts";

test("elements, entities, CDATA, comments, attributes and prefixes are read", () => {
  const root = parseXml(
    '<?xml version="1.0"?>\n<a:Root xmlns:a="urn:x"><!-- c --><K>&lt;&#38;&#x41;&quot;&apos;&unknown;</K><K/><V x="1"><![CDATA[<raw>&amp;]]></V></a:Root>\n',
  );
  expect(root.name).toBe("Root");
  expect(childrenNamed(root, "K").map((child) => child.text)).toEqual([`<&A"'&unknown;`, ""]);
  expect(childText(root, "V")).toBe("<raw>&amp;");
  expect(childText(root, "None")).toBeNull();
});

test("any text survives escaping and reading", () => {
  const property = fc.property(fc.string({ unit: "grapheme" }), (text) => {
    expect(childText(parseXml(`<a><b>${escapeXml(text)}</b></a>`), "b")).toBe(text);
  });
  fc.assert(property);
  expect(childText(parseXml(`<a><b>${escapeXml("\r\n\t\u0001")}</b></a>`), "b")).toBe("\r\n\t\u0001");
});

test("blanks, numbers and raw control characters of a text stay as they are", () => {
  const texts = [" ", "  a ", "0x10", "1e5", "007", "a\rb", "\r\n", "\n", "a\u0001", "true", "__proto__", "&#13;&#x0;"];
  const xml = `<?xml version="1.0"?>\r\n<R\r\n a="b">\r\n${texts.map((text) => `<K>${text}</K>\r\n`).join("")}</R>\r\n`;
  const read = childrenNamed(parseXml(xml), "K").map((child) => child.text);
  expect(read).toEqual([...texts.slice(0, -1), "\r\u0000"]);
});

test("a page of 1,000 keys may be full of entities", () => {
  const keys = `<K>${"&amp;&#10;".repeat(200)}</K>`.repeat(1000);
  expect(parseXml(`<R>${keys}</R>`).children.every(({ text }) => text === "&\n".repeat(200))).toBe(true);
});

test.each([
  "",
  "   ",
  "<a>",
  "<a><b></a></b>",
  "<a></a",
  "</a>",
  "<a/><b/>",
  "<a/>text",
  "text<a/>",
  "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
  "<a><![CDATA[x</a>",
  "< a/>",
  "<a>".repeat(100),
])("%j is refused", (text) => {
  expect(() => parseXml(text)).toThrowError(SyntaxError);
});

test("every cut of a listing is refused, so that it is never half a listing", () => {
  const whole = "<R><IsTruncated>false</IsTruncated><C><Key>a&amp;b</Key></C><C><Key>c</Key></C></R>";
  for (let end = 0; end < whole.length; end++) expect(() => parseXml(whole.slice(0, end))).toThrowError(SyntaxError);
});
