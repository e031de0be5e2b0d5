import { type ErrorCode, GodwitError } from "../../base/errors.ts";
import type { Entry } from "../../model/entry.ts";
import { displayPath, pathToText } from "../../model/path.ts";
import type { Loss } from "../../ports/source.ts";
import type { Acceptance } from "../../ports/target.ts";
import { keyBytesMax, type Root } from "./keys.ts";
import { objectBytesMax, type S3Limits, tooLarge } from "./limits.ts";

/** What a bucket can hold of an entry, judged by name, kind and size alone. */
export function accepts(root: Root, entry: Entry, limits: S3Limits): Acceptance {
  const { path, kind, sizeBytes } = entry;
  const named = displayPath(path);
  if (pathToText(path) === null) {
    return refuse("name_unsupported", `${named} is not UTF-8`, "S3 keys are UTF-8. Rename the entry, or exclude it.");
  }
  const keyBytes = root.keyBytes(path, kind === "directory");
  if (keyBytes > keyBytesMax) {
    const hint = "S3 keys have at most 1,024 bytes. Rename the entry, exclude it, or choose a shorter prefix.";
    return refuse("name_unsupported", `${named} would have a key of ${keyBytes} bytes`, hint);
  }
  const losses: Loss[] = [];
  switch (kind) {
    case "symlink":
      return refuse(
        "kind_unsupported",
        `${named} is a symlink`,
        "S3 has no links. Use --links follow or --links skip.",
      );
    case "hardlink":
      losses.push("hardlink");
      break;
    case "directory":
      // The bucket itself has no key to keep attributes under.
      if (path === "" && root.prefix === "") losses.push("directory_attributes");
      break;
    case "table":
      return refuse(
        "kind_unsupported",
        `${named} is a table`,
        "A bucket holds objects: name a database as the target.",
      );
    case "file":
      if (sizeBytes > objectBytesMax(limits)) return { ok: false, error: tooLarge(named, limits).toJSON() };
      if (entry.sparse) losses.push("sparse");
      break;
  }
  return { ok: true, as: kind === "hardlink" ? "file" : kind, losses };
}

function refuse(code: ErrorCode, what: string, hint: string): Acceptance {
  return { ok: false, error: new GodwitError(code, { disposition: "rejected", what, hint }).toJSON() };
}
