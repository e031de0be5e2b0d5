/**
 * Tells that a multipart upload is gone where the store says something else: s3s-fs answers AccessDenied to a part of an
 * upload that it does not know, moto fails by itself. A decorator around the client, below retries: whoever was allowed
 * to begin the upload is asked whether it is still there.
 */
import { GodwitError } from "../../base/errors.ts";
import type { S3Client } from "./client.ts";
import type { Upload } from "./client-multipart.ts";

export function namesVanishedUploads(client: S3Client): S3Client {
  const guarded =
    <I extends Upload, O>(operation: (input: I, signal: AbortSignal) => Promise<O>) =>
    async (input: I, signal: AbortSignal): Promise<O> => {
      try {
        return await operation(input, signal);
      } catch (error) {
        const isNamed = error instanceof GodwitError && error.code === "upload_vanished";
        if (isNamed || (isDoubtful(error) && (await isGone(client, input, error, signal))))
          throw uploadVanished(input.key, error);
        throw error;
      }
    };
  return {
    ...client,
    uploadPart: guarded((input, signal) => client.uploadPart(input, signal)),
    uploadPartCopy: guarded((input, signal) => client.uploadPartCopy(input, signal)),
    completeMultipartUpload: async (input, signal) => {
      try {
        return await guarded((given: typeof input, stop) => client.completeMultipartUpload(given, stop))(input, signal);
      } catch (error) {
        // s3s-fs forgets an upload before it joins its parts; a client that dies meanwhile leaves parts without one.
        // Whoever may not write here is told so when the upload is begun anew.
        if (!(error instanceof GodwitError) || error.code !== "access_denied") throw error;
        throw uploadVanished(input.key, error);
      }
    },
    abortMultipartUpload: async (input, signal) => {
      try {
        await client.abortMultipartUpload(input, signal);
      } catch (error) {
        // Gone is what was wanted.
        if (error instanceof GodwitError && error.code === "upload_vanished") return;
        if (!isDoubtful(error) || !(await isGone(client, input, error, signal))) throw error;
      }
    },
  };
}

function isDoubtful(error: unknown): error is GodwitError {
  if (!(error instanceof GodwitError)) return false;
  if (error.code === "access_denied" || error.code === "source_vanished") return true;
  return error.code === "store_unreachable" && (error as { readonly status?: number | null }).status === 500;
}

async function isGone(
  client: S3Client,
  { key, uploadId }: Upload,
  error: GodwitError,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const { parts } = await client.listParts({ key, uploadId, maxParts: 1 }, signal);
    // s3s-fs lists no parts of what it does not know, and denies them.
    return parts.length === 0 && error.code === "access_denied";
  } catch (second) {
    return second instanceof GodwitError && second.code === "upload_vanished";
  }
}

/** Retried as a whole entry: by a new upload, with nothing taken as sent. */
export function uploadVanished(key: string, cause: unknown): GodwitError {
  return new GodwitError("upload_vanished", {
    disposition: "retry",
    what: `the multipart upload of ${JSON.stringify(key)} is gone`,
    hint: "It was aborted by somebody or by a lifecycle rule. The entry is sent again from its start.",
    cause,
  });
}
