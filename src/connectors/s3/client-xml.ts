import { XMLParser } from "fast-xml-parser";

/** Reads the XML that S3 answers: elements and text, in order. Attributes and comments are read over; a DTD is refused. */
export interface XmlElement {
  readonly name: string;
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const maxDepth = 32;
const textName = "#text";
const cdataName = "#cdata";
const named: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["quot", '"'],
  ["apos", "'"],
]);

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: true,
  ignoreDeclaration: true,
  ignorePiTags: true,
  removeNSPrefix: true,
  parseTagValue: false,
  trimValues: false,
  // The parser removes control characters, which keys may have: references are decoded here.
  processEntities: false,
  cdataPropName: cdataName,
  maxNestedTags: maxDepth,
  jPath: false,
});

/** As the parser gives it: one name each, with the nodes inside, or a text. */
type Node = Readonly<Record<string, readonly Node[] | string>>;

/** @throws SyntaxError when the text is not one whole element (a cut answer is never half a listing). */
export function parseXml(text: string): XmlElement {
  const whole = text.trim();
  if (whole.includes("<!DOCTYPE")) throw new SyntaxError("XML with a DTD is refused");
  // The parser overlooks text after an empty root.
  if (!whole.endsWith(">")) throw new SyntaxError("XML is cut short");
  let nodes: readonly Node[];
  try {
    nodes = parser.parse(keepReturns(whole), true) as readonly Node[];
  } catch (cause) {
    throw new SyntaxError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  const roots = elementOf("", nodes).children;
  const root = roots[0];
  if (root === undefined || roots.length !== 1) throw new SyntaxError("XML is not one element");
  return root;
}

export function childText(element: XmlElement, name: string): string | null {
  for (const child of element.children) if (child.name === name) return child.text;
  return null;
}

export function childrenNamed(element: XmlElement, name: string): readonly XmlElement[] {
  return element.children.filter((child) => child.name === name);
}

/** Text for an element. Control characters become references: a raw carriage return would be read as a line feed. */
export function escapeXml(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[&<>"\u0000-\u001f\u007f]/g, (char) => `&#${char.charCodeAt(0)};`);
}

function elementOf(name: string, nodes: readonly Node[]): XmlElement {
  let text = "";
  const children: XmlElement[] = [];
  for (const node of nodes) {
    for (const child in node) {
      const inside = node[child] ?? "";
      if (typeof inside === "string") text += decodeEntities(inside);
      else if (child === cdataName) text += rawText(inside);
      else children.push(elementOf(child, inside));
    }
  }
  return { name, text, children };
}

function rawText(nodes: readonly Node[]): string {
  let text = "";
  for (const { [textName]: part } of nodes) if (typeof part === "string") text += part;
  return text;
}

function decodeEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&([^;&]{1,12});/g, (whole, entity: string) => {
    if (!entity.startsWith("#")) return named.get(entity) ?? whole;
    const code = /^#x/i.test(entity) ? Number.parseInt(entity.slice(2), 16) : Number.parseInt(entity.slice(1), 10);
    return code >= 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}

/**
 * XML makes a raw carriage return a line feed. Some stores (s3s-fs) list keys with raw ones, which would come out as other keys:
 * in the text of leaves they are made references.
 */
function keepReturns(text: string): string {
  if (!text.includes("\r")) return text;
  return text.replace(/[^<]+(<\/)?/g, (run: string, closing: string | undefined) => {
    if (closing === undefined || run.startsWith("!")) return run;
    const textAt = run.lastIndexOf(">", run.length - 3) + 1;
    return run.slice(0, textAt) + run.slice(textAt).replaceAll("\r", "&#13;");
  });
}
