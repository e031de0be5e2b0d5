import type { S3Caller, S3Request } from "./client-call.ts";
import { decodeListed } from "./client-encode.ts";
import { childText, type XmlElement } from "./client-xml.ts";

/** Texts that no URL encoding leaves as they are: such a listing was not encoded, whatever it says. */
const neverEncoded = /[^\u0021-\u007e]|%(?![0-9A-Fa-f]{2})/;
const probeName = "godwit probe %+";

export interface ListedTexts {
  readonly root: XmlElement;
  /** That of the listing: credentials may be good for what lies below it alone. */
  readonly prefix: string | undefined;
  readonly texts: readonly string[];
}

/** Settles how the keys of one listing's page are to be read: null is as they stand. */
export type ReadListed = (page: ListedTexts, signal: AbortSignal) => Promise<((text: string) => string) | null>;

/**
 * `encoding-type=url` lets any key survive XML, but some stores (s3s-fs 0.14.1) announce it in the answer and do not do it. There `a+b` would
 * be read as `a b`. So where a key can be read in both ways, one probe asks the store to repeat a prefix that shows which it is. It lies
 * below the listing's own: a policy may allow no other (a condition on `s3:prefix`).
 */
export function createListedTexts(caller: S3Caller): ReadListed {
  let encodes: Promise<boolean> | null = null;

  const probe = async (below: string, signal: AbortSignal): Promise<boolean> => {
    const probePrefix = `${below}${probeName}`;
    const query = { "list-type": "2", "encoding-type": "url", prefix: probePrefix, "max-keys": "1" };
    const request: S3Request = { operation: "ListObjectsV2", method: "GET", key: null, query };
    const { root } = await caller.xml(request, "ListBucketResult", signal);
    return childText(root, "Prefix") !== probePrefix;
  };

  const probeOnce = async (below: string, signal: AbortSignal): Promise<boolean> => {
    encodes ??= probe(below, signal);
    try {
      return await encodes;
    } catch (error) {
      encodes = null;
      throw error;
    }
  };

  return async ({ root, prefix = "", texts }, signal) => {
    if (childText(root, "EncodingType") !== "url" || !texts.some((text) => /[%+]/.test(text))) return null;
    if (texts.some((text) => neverEncoded.test(text))) return null;
    return (await probeOnce(prefix, signal)) ? decodeListed : null;
  };
}
