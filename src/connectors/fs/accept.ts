import { GodwitError, type ErrorCode } from "../../base/errors.ts";
import type { Entry } from "../../model/entry.ts";
import { displayPath, isContained } from "../../model/path.ts";
import type { Loss } from "../../ports/source.ts";
import type { Acceptance } from "../../ports/target.ts";
import { losesOwner } from "./attributes.ts";
import { native } from "./native.ts";
import type { Root } from "./root.ts";
import { stagingNameBytes } from "./staging.ts";

/** NAME_MAX and PATH_MAX (with its closing NUL) of Linux; macOS allows less of the latter and says so when asked. */
const nameBytesMax = 255;
const pathBytesMax = 4_095;

/** What a directory can hold of an entry, judged by name and kind alone. */
export function accepts(root: Root, entry: Entry): Acceptance {
  const { path, kind, attributes } = entry;
  const isRoot = path === "" && kind === "directory";
  if (!isRoot) {
    const reason = nameProblem(root, entry);
    if (reason !== null) {
      const hint =
        "Rename it, or exclude it. Directories hold no empty names, no `.` and no `..`, and no name over 255 bytes.";
      return refuse("name_unsupported", `${displayPath(path)} ${reason}`, hint);
    }
  }
  const losses: Loss[] = [];
  if (attributes !== null && losesOwner(attributes)) losses.push("owner");
  if (attributes !== null && native === null && attributes.mtimeNs % 1_000_000_000n !== 0n)
    losses.push("mtime_precision");
  return { ok: true, as: kind, losses };
}

function nameProblem(root: Root, { path }: Entry): string | null {
  if (!isContained(path)) return "is no path that a directory can hold";
  if (path.split("/").some((name) => name.length > nameBytesMax)) return "has a name longer than 255 bytes";
  const parentBytes = path.lastIndexOf("/") + 1;
  const longest = Math.max(
    root.lengthOf(path),
    root.lengthOf(path.slice(0, parentBytes) as Entry["path"]) + stagingNameBytes,
  );
  return longest > pathBytesMax ? "makes a path longer than the system can open" : null;
}

function refuse(code: ErrorCode, what: string, hint: string): Acceptance {
  return { ok: false, error: new GodwitError(code, { disposition: "rejected", what, hint }).toJSON() };
}
