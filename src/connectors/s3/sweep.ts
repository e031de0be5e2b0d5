import { GodwitError } from "../../base/errors.ts";
import { displayPath } from "../../model/path.ts";
import type { OpenOptions, Orphan, SweepRequest } from "../../ports/connector.ts";
import type { UploadMarker } from "./client-uploads.ts";
import { isUnsupported, type S3Error } from "./client-errors.ts";
import { listingError } from "./errors.ts";
import { Root } from "./keys.ts";
import { openClient } from "./open.ts";

/**
 * Multipart uploads below the prefix that nobody finished. A store does not say who began one, so that the age alone
 * decides: choose it longer than any upload that somebody may still be at.
 */
export async function* sweep(
  url: string,
  { olderThanMs, dryRun }: SweepRequest,
  options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Orphan> {
  const root = Root.ofUrl(url);
  await using client = await openClient(root, options);
  const prefix = root.prefix === "" ? undefined : root.prefix;
  let after: UploadMarker | undefined;
  do {
    const page = await client.listMultipartUploads({ prefix, after }, signal).catch((error: unknown) => {
      throw isUnsupported(error) ? unlisted(root, error) : listingError(error, `${root.location} (its uploads)`);
    });
    for (const { key, uploadId, initiated } of page.uploads) {
      const ageMs = Date.now() - Date.parse(initiated ?? "");
      // Without a time nobody can say that it is old.
      if (!(ageMs >= olderThanMs)) continue;
      let sizeBytes: number | null = null;
      if (!dryRun) await client.abortMultipartUpload({ key, uploadId }, signal);
      else sizeBytes = await sizeOf(client, { key, uploadId }, signal);
      yield { name: displayPath(root.below(key)), sizeBytes, ageMs, removed: !dryRun };
    }
    after = page.next ?? undefined;
  } while (after !== undefined);
}

function unlisted(root: Root, cause: S3Error): GodwitError {
  return new GodwitError("listing_failed", {
    disposition: "fatal",
    what: `the store of ${root.location} cannot list uploads (${cause.what})`,
    hint: "Nothing was removed. Use the store's own tools to find unfinished uploads; see docs/operate/limits.md.",
    cause,
  });
}

/** Null for one of many parts: they are not all counted for a listing. */
async function sizeOf(
  client: Awaited<ReturnType<typeof openClient>>,
  upload: { readonly key: string; readonly uploadId: string },
  signal: AbortSignal,
): Promise<number | null> {
  const { parts, nextMarker } = await client.listParts(upload, signal);
  return nextMarker === null ? parts.reduce((sum, { bytes }) => sum + bytes, 0) : null;
}
