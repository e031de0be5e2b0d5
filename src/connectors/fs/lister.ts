import { lstatSync, readlinkSync, statSync } from "node:fs";
import { type ErrorCode, GodwitError } from "../../base/errors.ts";
import type { Entry, EntryKind } from "../../model/entry.ts";
import type { Filter } from "../../model/filter.ts";
import { type BytePath, displayPath, orderKey } from "../../model/path.ts";
import type { OpenOptions } from "../../ports/connector.ts";
import type { Problem } from "../../ports/source.ts";
import { vanished } from "../../ports/source-errors.ts";
import { isMissing, listingError, readError, systemCode } from "./errors.ts";
import type { Root } from "./root.ts";
import { entryOf, type FileStat, kindOf } from "./stat-entry.ts";

export type Listed =
  | { readonly key: BytePath; readonly entry: Entry; readonly id: string | null }
  | { readonly key: BytePath; readonly problem: Problem };

export interface ListOptions {
  readonly root: Root;
  readonly links: OpenOptions["links"];
  readonly filter: Filter;
}

/** Makes an entry or a problem of one name. Knows the rules for links and filters; walks nothing. */
export class Lister {
  readonly root: Root;
  readonly follows: boolean;
  readonly #links: OpenOptions["links"];
  readonly #filter: Filter;
  /** The first name of each file that has several. */
  readonly #firstNames: (stat: FileStat, path: BytePath) => BytePath | null;

  constructor({ root, links, filter }: ListOptions, firstNames: (stat: FileStat, path: BytePath) => BytePath | null) {
    this.root = root;
    this.follows = links === "follow";
    this.#links = links;
    this.#filter = filter;
    this.#firstNames = firstNames;
  }

  look(path: BytePath, isDirectory: boolean): Listed {
    let stat: FileStat;
    try {
      if (!this.#filter.keeps(path, isDirectory)) return this.#filtered(path, isDirectory);
      stat = this.stat(path);
    } catch (error) {
      return this.#unlookable(error, path, isDirectory);
    }
    return this.of(path, isDirectory, stat);
  }

  /** The same of what was looked at before. */
  of(path: BytePath, isDirectory: boolean, stat: FileStat): Listed {
    const key = orderKey(path, isDirectory);
    const kind = kindOf(stat);
    if ((kind === "directory") !== isDirectory) return this.#replaced(path, isDirectory);
    switch (kind) {
      case "directory":
        return {
          key,
          entry: entryOf(path, stat, "directory", null),
          id: this.follows ? `${stat.dev}:${stat.ino}` : null,
        };
      case "file": {
        const first = stat.nlink > 1 ? this.#firstNames(stat, path) : null;
        const as: EntryKind = first === null ? "file" : "hardlink";
        return { key, entry: entryOf(path, stat, as, first), id: null };
      }
      case "symlink":
        return this.#symlink(path, stat);
      case "other": {
        const hint =
          "Devices, sockets and pipes have no content to copy. Exclude it to leave it out without this remark.";
        return this.#problem(path, false, "unsupported", {
          code: "kind_unsupported",
          what: "is a device, socket or pipe",
          hint,
        });
      }
    }
  }

  gone(path: BytePath, isDirectory: boolean): Listed {
    const error = vanished(path).toJSON();
    return {
      key: orderKey(path, isDirectory),
      problem: { path, isDirectory, sizeBytes: 0, outcome: "vanished", error },
    };
  }

  keeps(path: BytePath, isDirectory: boolean): boolean {
    return this.#filter.keeps(path, isDirectory);
  }

  loop(path: BytePath): Listed {
    const hint = "Followed links lead back into a directory above. Exclude it, or use --links preserve.";
    return this.#problem(path, true, "failed", { code: "unreadable", what: "is a loop of links", hint });
  }

  stat(path: BytePath): FileStat {
    const at = this.root.at(path);
    // The root itself may be named through a link: that is how the user called it.
    return this.follows || path === "" ? statSync(at, { bigint: true }) : lstatSync(at, { bigint: true });
  }

  #symlink(path: BytePath, stat: FileStat): Listed {
    if (this.#links === "skip") return this.#filtered(path, false);
    try {
      const link = readlinkSync(this.root.at(path), { encoding: "latin1" }) as BytePath;
      return { key: path, entry: entryOf(path, stat, "symlink", link), id: null };
    } catch (error) {
      return this.#unlookable(error, path, false);
    }
  }

  #filtered(path: BytePath, isDirectory: boolean): Listed {
    const stat = isDirectory ? undefined : lstatSync(this.root.at(path), { throwIfNoEntry: false });
    return this.filtered(path, isDirectory, stat?.isFile() === true ? stat.size : 0);
  }

  filtered(path: BytePath, isDirectory: boolean, sizeBytes: number): Listed {
    return {
      key: orderKey(path, isDirectory),
      problem: { path, isDirectory, sizeBytes, outcome: "filtered", error: null },
    };
  }

  #unlookable(error: unknown, path: BytePath, isDirectory: boolean): Listed {
    if (isMissing(error)) {
      // Followed links may lead nowhere: the link is there, what it names is not.
      if (!this.follows || lstatSync(this.root.at(path), { throwIfNoEntry: false }) === undefined) {
        return this.gone(path, isDirectory);
      }
      const hint = "Mend the link, exclude it, or use --links preserve.";
      return this.#problem(path, isDirectory, "failed", { code: "unreadable", what: "is a link to nowhere", hint });
    }
    const code = systemCode(error);
    if (code === "ELOOP" && this.follows) return this.loop(path);
    if (code === "ENAMETOOLONG") {
      const hint = "The whole path is longer than the system takes. Give a directory further down as the source.";
      return this.#problem(path, isDirectory, "unsupported", {
        code: "name_unsupported",
        what: "has a path too long to open",
        hint,
      });
    }
    // A directory that may be listed but not searched: its entries are unknown, and that is no empty directory.
    if (code === "EACCES" || code === "EIO") throw listingError(error, path);
    return {
      key: orderKey(path, isDirectory),
      problem: { path, isDirectory, sizeBytes: 0, outcome: "failed", error: readError(error, path).toJSON() },
    };
  }

  #replaced(path: BytePath, isDirectory: boolean): Listed {
    const hint = "Something writes to the source while it is listed. Run again when it is quiet.";
    const what = isDirectory ? "was a directory and is none any more" : "has become a directory";
    return this.#problem(path, isDirectory, "failed", { code: "source_changed", what, hint });
  }

  #problem(
    path: BytePath,
    isDirectory: boolean,
    outcome: "unsupported" | "failed",
    { code, what, hint }: { readonly code: ErrorCode; readonly what: string; readonly hint: string },
  ): Listed {
    const error = new GodwitError(code, {
      disposition: "rejected",
      what: `${displayPath(path)} ${what}`,
      hint,
    }).toJSON();
    return { key: orderKey(path, isDirectory), problem: { path, isDirectory, sizeBytes: 0, outcome, error } };
  }
}
