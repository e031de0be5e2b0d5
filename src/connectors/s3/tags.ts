import type { WrittenObject } from "./client-objects.ts";
import { bareEtag, quotedEtag } from "./keys.ts";

/** What a receipt keeps of a published object: its ETag without quotes, and its version id where the bucket has versions. */
export interface ObjectPin {
  readonly ifMatch: string | undefined;
  readonly versionId: string | undefined;
}

export function objectTag({ etag, versionId }: Pick<WrittenObject, "etag" | "versionId">): string | null {
  if (etag === null) return null;
  return versionId === null || versionId === "null" ? bareEtag(etag) : `${bareEtag(etag)} ${versionId}`;
}

/** An ETag holds no space; a version id might, in some store: it is what follows the first. */
export function pinOf(tag: string | null): ObjectPin {
  if (tag === null) return { ifMatch: undefined, versionId: undefined };
  const space = tag.indexOf(" ");
  const etag = space < 0 ? tag : tag.slice(0, space);
  return { ifMatch: quotedEtag(etag), versionId: space < 0 ? undefined : tag.slice(space + 1) };
}
