import { GodwitError, type ErrorCode } from "../../base/errors.ts";
import type { Entry } from "../../model/entry.ts";
import { type BytePath, displayPath, isContained, rootPath } from "../../model/path.ts";
import type { Loss } from "../../ports/source.ts";
import type { Acceptance } from "../../ports/target.ts";
import { losesOwner } from "./attributes.ts";
import { native } from "./native.ts";
import type { Root } from "./root.ts";
import { stagingNameBytes } from "./staging.ts";

/** NAME_MAX and PATH_MAX (with its closing NUL) of Linux; macOS allows less of the latter and says so when asked. */
const nameBytesMax = 255;
const pathBytesMax = 4_095;

const noLosses: readonly Loss[] = [];

/**
 * What a directory can hold of an entry, judged by name and kind alone. Entries come directory by directory: what is
 * wrong with a directory's own path is asked once for all that lie in it.
 */
export class Acceptor {
  readonly #root: Root;
  /** The directory asked last, with its slash. */
  #directory: string | null = null;
  #directoryProblem: string | null = null;

  constructor(root: Root) {
    this.#root = root;
  }

  accepts({ path, kind, attributes }: Entry): Acceptance {
    const isRoot = path === "" && kind === "directory";
    const reason = isRoot ? null : this.#nameProblem(path);
    if (reason !== null) {
      const hint =
        "Rename it, or exclude it. Directories hold no empty names, no `.` and no `..`, and no name over 255 bytes.";
      return refuse("name_unsupported", `${displayPath(path)} ${reason}`, hint);
    }
    if (attributes === null) return { ok: true, as: kind, losses: noLosses };
    const losses: Loss[] = [];
    if (losesOwner(attributes)) losses.push("owner");
    if (native === null && attributes.mtimeNs % 1_000_000_000n !== 0n) losses.push("mtime_precision");
    return { ok: true, as: kind, losses: losses.length === 0 ? noLosses : losses };
  }

  #nameProblem(path: BytePath): string | null {
    const nameAt = path.lastIndexOf("/") + 1;
    const known = this.#directory;
    if (known === null || known.length !== nameAt || !path.startsWith(known)) {
      this.#directory = path.slice(0, nameAt);
      this.#directoryProblem = nameAt === 0 ? null : this.#problemOf(path.slice(0, nameAt - 1) as BytePath);
    }
    return this.#directoryProblem ?? this.#problemOf(path, nameAt);
  }

  /** @param from  where the segments begin that are judged */
  #problemOf(path: BytePath, from = 0): string | null {
    const segments = (from === 0 ? path : path.slice(from)) as BytePath;
    if (!isContained(segments)) return "is no path that a directory can hold";
    if (segments.length > nameBytesMax && segments.split("/").some((name) => name.length > nameBytesMax)) {
      return "has a name longer than 255 bytes";
    }
    const rootBytes = this.#root.lengthOf(rootPath);
    const longest = rootBytes + Math.max(path.length, path.lastIndexOf("/") + 1 + stagingNameBytes);
    return longest > pathBytesMax ? "makes a path longer than the system can open" : null;
  }
}

function refuse(code: ErrorCode, what: string, hint: string): Acceptance {
  return { ok: false, error: new GodwitError(code, { disposition: "rejected", what, hint }).toJSON() };
}
