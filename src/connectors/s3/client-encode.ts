import { GodwitError } from "../../base/errors.ts";

const plainKey = /^[A-Za-z0-9\-._~/]*$/;

/**
 * RFC 3986 percent encoding as Signature Version 4 asks for it: every byte of the UTF-8 text but `A-Za-z0-9-._~`.
 * https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export function encodeText(text: string): string {
  try {
    return encodeURIComponent(text).replace(/[!'()*]/g, percent);
  } catch (cause) {
    throw new GodwitError("name_unsupported", {
      disposition: "rejected",
      what: `${JSON.stringify(text)} is not valid Unicode`,
      hint: "S3 keys are UTF-8. Rename the entry, or filter it.",
      cause,
    });
  }
}

/** A key as a request path: slashes stay, and nothing is normalised, for `a//b` and `a/../b` are keys of their own. */
export function encodeKey(key: string): string {
  return plainKey.test(key) ? key : encodeText(key).replaceAll("%2F", "/");
}

/** A query as it is signed and sent: sorted by encoded name, `name=` where there is no value. */
export function encodeQuery(query: Readonly<Record<string, string>>): string {
  const pairs: string[] = [];
  for (const [name, value] of Object.entries(query)) pairs.push(`${encodeText(name)}=${encodeText(value)}`);
  return pairs.length > 1 ? pairs.toSorted(byName).join("&") : (pairs[0] ?? "");
}

/** Undoes `encoding-type=url` of a listing: form encoding, in which a space may be a plus sign. */
export function decodeListed(text: string): string {
  return text.includes("%") || text.includes("+") ? decodeURIComponent(text.replaceAll("+", "%20")) : text;
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase()}`;
}

/** By name alone: `=` sorts after some characters that stand in names (`a-b` before `a`). */
function byName(a: string, b: string): number {
  const left = a.slice(0, a.indexOf("="));
  const right = b.slice(0, b.indexOf("="));
  return left < right ? -1 : left > right ? 1 : 0;
}
