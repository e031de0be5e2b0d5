import { childText, type XmlElement } from "./client-xml.ts";

/** Shapes that several operations share, and how they stand in headers and XML. */
export const checksumAlgorithms = ["sha256", "sha1", "crc32", "crc32c", "crc64nvme"] as const;
export type ChecksumAlgorithm = (typeof checksumAlgorithms)[number];

/** Base64, as the store gives them. */
export type Checksums = Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
export type ChecksumType = "COMPOSITE" | "FULL_OBJECT";

/** A condition on a write: S3 answers 412 (`condition_failed`) when it does not hold, 409 (same code, retry) in a race. */
export interface Condition {
  /** `*`: only where no object is. */
  readonly ifNoneMatch?: "*" | undefined;
  readonly ifMatch?: string | undefined;
}

export function conditionHeaders({ ifNoneMatch, ifMatch }: Condition): Record<string, string | undefined> {
  return { "if-none-match": ifNoneMatch, "if-match": ifMatch };
}

export function checksumHeaders(headers: ReadonlyMap<string, string>): Checksums {
  const found: Partial<Record<ChecksumAlgorithm, string>> = {};
  for (const algorithm of checksumAlgorithms) {
    const value = headers.get(`x-amz-checksum-${algorithm}`);
    if (value !== undefined) found[algorithm] = value;
  }
  return found;
}

export function checksumElements(element: XmlElement): Checksums {
  const found: Partial<Record<ChecksumAlgorithm, string>> = {};
  for (const { name, text } of element.children) {
    if (!name.startsWith("Checksum")) continue;
    const algorithm = checksumAlgorithms.find((known) => `checksum${known}` === name.toLowerCase());
    if (algorithm !== undefined && text !== "") found[algorithm] = text;
  }
  return found;
}

/** Null when the store does not say, undefined when it says something unknown. */
export function checksumTypeOf(text: string | null | undefined): ChecksumType | null | undefined {
  if (text === null || text === undefined || text === "") return null;
  return text === "COMPOSITE" || text === "FULL_OBJECT" ? text : undefined;
}

/** A text that must be there, or null; empty elements count as absent. */
export function filled(element: XmlElement, name: string): string | null {
  const text = childText(element, name);
  return text === null || text === "" ? null : text;
}

/** @throws SyntaxError */
export function required(element: XmlElement, name: string): string {
  const text = childText(element, name);
  if (text === null) throw new SyntaxError(`<${element.name}> has no <${name}>`);
  return text;
}

/** @throws SyntaxError */
export function requiredCount(element: XmlElement, name: string): number {
  const text = required(element, name);
  if (!/^\d{1,15}$/.test(text)) throw new SyntaxError(`<${name}> is ${JSON.stringify(text)}, not a count`);
  return Number(text);
}
