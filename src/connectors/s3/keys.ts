import { GodwitError } from "../../base/errors.ts";
import { type BytePath, displayPath, pathFromText, pathToText } from "../../model/path.ts";

/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
export const keyBytesMax = 1_024;

/** `s3://bucket/prefix`: which keys of a bucket are a tree, and how paths and keys are made of each other. */
export class Root {
  readonly bucket: string;
  /** Ends in a slash; empty for a whole bucket. */
  readonly prefix: string;
  readonly location: string;
  /** Of the prefix, as characters of a path: one per byte. */
  readonly #prefixPath: string;

  constructor(bucket: string, prefix: string) {
    this.bucket = bucket;
    this.prefix = prefix === "" ? "" : `${prefix}/`;
    this.location = `s3://${bucket}/${prefix}`;
    this.#prefixPath = pathFromText(this.prefix);
  }

  /** @throws config_invalid */
  static ofUrl(url: string): Root {
    const parsed = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(url);
    if (parsed === null) {
      const hint = "Write s3://BUCKET or s3://BUCKET/PREFIX.";
      throw new GodwitError("config_invalid", { disposition: "fatal", what: `${url} names no bucket`, hint });
    }
    const [, bucket = "", prefix = ""] = parsed;
    return new Root(bucket, prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
  }

  /** Null when the path is no UTF-8, or names the bucket itself. */
  keyOrNull(path: BytePath, isDirectory: boolean): string | null {
    const text = pathToText(path);
    if (text === null) return null;
    const key = path === "" ? this.prefix : `${this.prefix}${text}${isDirectory ? "/" : ""}`;
    return key === "" ? null : key;
  }

  /** @throws name_unsupported */
  key(path: BytePath, isDirectory = false): string {
    const key = this.keyOrNull(path, isDirectory);
    if (key !== null) return key;
    throw new GodwitError("name_unsupported", {
      disposition: "rejected",
      what: `${displayPath(path)} is not UTF-8`,
      hint: "S3 keys are UTF-8. Rename the entry, or exclude it.",
    });
  }

  /** Length of the key in bytes. */
  keyBytes(path: BytePath, isDirectory: boolean): number {
    return this.#prefixPath.length + path.length + (isDirectory && path !== "" ? 1 : 0);
  }

  /** What of a listed key lies below the prefix, in bytes; a slash at the end is part of it. */
  below(key: string): BytePath {
    return pathFromText(key.slice(this.prefix.length));
  }

  /**
   * A key that is not after the cursor, for `start-after`. A cursor may be that of another tree (the source's, while the
   * target is listed beside it) and need not be UTF-8: then the part of it that is stands before it in byte order.
   */
  startAfter(cursor: string): string {
    let text = pathToText(cursor as BytePath);
    for (let length = cursor.length; text === null; length -= 1) text = pathToText(cursor.slice(0, length) as BytePath);
    return `${this.prefix}${text}`;
  }
}

/** ETags stand in entries without their quotes. */
export function bareEtag(etag: string): string {
  return /^"(.*)"$/s.exec(etag)?.[1] ?? etag;
}

export function quotedEtag(etag: string): string {
  return etag.startsWith('"') || etag.startsWith("W/") ? etag : `"${etag}"`;
}
