/**
 * What goes with the bytes of an object: from another store as that store has it, from anything else the attributes
 * alone. See docs/reference/s3.md.
 */
import type { Attributes, EntryKind } from "../../model/entry.ts";
import type { ObjectMetadata } from "../../ports/source.ts";
import { attributesOf, isAttribute, metadataOf } from "./attributes.ts";
import type { ObjectHead } from "./client-objects.ts";
import type { ObjectKind } from "./object-entry.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html */
const headersKept = [
  "content-type",
  "content-encoding",
  "content-language",
  "content-disposition",
  "cache-control",
  "expires",
] as const;

/** What stores say of an object whose type nobody gave. */
const typesOfAny = new Set(["", "binary/octet-stream", "application/octet-stream"]);
const printable = /^[\x20-\x7e]*$/;

export function objectMetadata({ headers: answered, metadata }: ObjectHead, kind: ObjectKind): ObjectMetadata {
  const headers: Record<string, string> = {};
  const user: Record<string, string> = {};
  let isPartial = isUntold(answered);
  const keep = (into: Record<string, string>, name: string, value: string): void => {
    if (printable.test(value)) into[name] = value;
    else isPartial = true;
  };
  for (const name of headersKept) {
    const text = answered.get(name) ?? "";
    const value = name === "content-encoding" ? withoutTransfer(text) : text;
    if (value !== "") keep(headers, name, value);
  }
  for (const [name, value] of Object.entries(metadata)) keep(user, name, value);
  const isKept = attributesOf(metadata, kind, 0) !== null;
  const { "content-type": type = "", ...others } = headers;
  const isPlain =
    !isPartial &&
    isTypeOfAny(type, kind) &&
    Object.keys(others).length === 0 &&
    Object.keys(user).every((name) => isKept && isAttribute(name));
  return { headers, user, isPlain, isPartial };
}

/** What is sent with an object. */
export interface Sent {
  readonly metadata: Readonly<Record<string, string>>;
  readonly contentHeaders: Readonly<Record<string, string>>;
}

/** @param from what the source keeps with it, where the source is a store */
export function sentWith(attributes: Attributes | null, kind: EntryKind, from: ObjectMetadata | undefined): Sent {
  if (from === undefined) return { metadata: metadataOf(attributes, kind), contentHeaders: {} };
  return { metadata: from.user, contentHeaders: from.headers };
}

/** Tags are another request each, some names stand in no header, and a redirection belongs to its own bucket. */
function isUntold(headers: ReadonlyMap<string, string>): boolean {
  return (
    Number(headers.get("x-amz-tagging-count") ?? 0) > 0 ||
    Number(headers.get("x-amz-missing-meta") ?? 0) > 0 ||
    headers.has("x-amz-website-redirect-location")
  );
}

/** `aws-chunked` is how the bytes were once sent; some stores keep it. */
function withoutTransfer(encoding: string): string {
  const tokens = encoding.split(",").map((token) => token.trim());
  return tokens.includes("aws-chunked") ? tokens.filter((token) => token !== "aws-chunked").join(", ") : encoding;
}

function isTypeOfAny(type: string, kind: ObjectKind): boolean {
  return typesOfAny.has(type) || (kind === "directory" && type.startsWith("application/x-directory"));
}
