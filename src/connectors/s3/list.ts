import { GodwitError } from "../../base/errors.ts";
import type { Filter } from "../../model/filter.ts";
import { type BytePath, displayPath } from "../../model/path.ts";
import type { Entry } from "../../model/entry.ts";
import type { Cursor, Problem } from "../../ports/source.ts";
import { allAhead } from "./ahead.ts";
import type { S3Client } from "./client.ts";
import type { ListedObject } from "./client-list.ts";
import { vanished } from "../../ports/source-errors.ts";
import { listingError } from "./errors.ts";
import type { Root } from "./keys.ts";
import { headEntry, listedEntry, type ObjectKind } from "./object-entry.ts";

export type Listed =
  | { readonly key: Cursor; readonly entry: Entry }
  | { readonly key: Cursor; readonly problem: Problem };

const headsAtOnce = 32;

export interface ListerParts {
  readonly client: S3Client;
  readonly root: Root;
  readonly filter: Filter;
}

/** Lists the keys below the prefix: pages in byte order, each key an entry or a problem. */
export class Lister {
  readonly #client: S3Client;
  readonly #root: Root;
  readonly #filter: Filter;

  constructor({ client, root, filter }: ListerParts) {
    this.#client = client;
    this.#root = root;
    this.#filter = filter;
  }

  /** @throws listing_failed */
  async *pages(after: Cursor | null, signal: AbortSignal): AsyncGenerator<readonly Listed[]> {
    const { prefix, location } = this.#root;
    const startAfter = after === null ? undefined : this.#root.startAfter(after) || undefined;
    let continuationToken: string | undefined;
    let last: Cursor | null = null;
    do {
      const position = continuationToken === undefined ? { startAfter } : { continuationToken };
      let page: Awaited<ReturnType<S3Client["listObjectsV2"]>>;
      try {
        page = await this.#client.listObjectsV2({ prefix: prefix === "" ? undefined : prefix, ...position }, signal);
      } catch (error) {
        throw listingError(error, location);
      }
      const objects: { readonly below: BytePath; readonly object: ListedObject }[] = [];
      for (const object of page.objects) {
        const below = this.#root.below(object.key);
        if (last !== null && below <= last) throw outOfOrder(location, object.key);
        last = below;
        if (after === null || below > after) objects.push({ below, object });
      }
      const run = ({ below, object }: (typeof objects)[number], until: AbortSignal): Promise<Listed> =>
        this.#judge(below, object, until);
      yield await allAhead(objects, { countMax: headsAtOnce, run }, signal);
      continuationToken = page.nextToken ?? undefined;
    } while (continuationToken !== undefined);
  }

  async #judge(below: BytePath, object: ListedObject, signal: AbortSignal): Promise<Listed> {
    const isMarker = below === "" || below.endsWith("/");
    const path = (isMarker ? below.slice(0, -1) : below) as BytePath;
    // `prefix//` would be the root a second time.
    if (isMarker && (object.bytes > 0 || below === "/"))
      return { key: below, problem: markerProblem(below, object.bytes) };
    if (!this.#keeps(path, isMarker)) {
      const problem = {
        path,
        isDirectory: isMarker,
        sizeBytes: object.bytes,
        outcome: "filtered",
        error: null,
      } as const;
      return { key: below, problem };
    }
    const kind: ObjectKind = isMarker ? "directory" : "file";
    const entry = listedEntry(path, kind, object);
    return entry === null ? this.look(path, kind, signal) : { key: below, entry };
  }

  /** Asks the object itself: where the listing gives no ETag, and for paths from a list. */
  async look(path: BytePath, kind: ObjectKind, signal: AbortSignal): Promise<Listed> {
    const isDirectory = kind === "directory";
    const key = isDirectory && path !== "" ? `${path}/` : path;
    const base = { path, isDirectory, sizeBytes: 0 } as const;
    try {
      if (!this.#keeps(path, isDirectory)) return { key, problem: { ...base, outcome: "filtered", error: null } };
      const head = await this.#client.headObject({ key: this.#root.key(path, isDirectory) }, signal);
      if (head === null) return { key, problem: { ...base, outcome: "vanished", error: vanished(path).toJSON() } };
      return { key, entry: headEntry(path, kind, head) };
    } catch (error) {
      if (!(error instanceof GodwitError) || error.disposition !== "rejected")
        throw listingError(error, this.#root.location);
      return { key, problem: { ...base, outcome: "failed", error: error.toJSON() } };
    }
  }

  #keeps(path: BytePath, isDirectory: boolean): boolean {
    if (!isDirectory) return this.#filter.keepsKey(path);
    for (let at = path.indexOf("/"); at >= 0; at = path.indexOf("/", at + 1)) {
      if (!this.#filter.keeps(path.slice(0, at) as BytePath, true)) return false;
    }
    return this.#filter.keeps(path, true);
  }
}

function markerProblem(below: BytePath, sizeBytes: number): Problem {
  const error = new GodwitError("kind_unsupported", {
    disposition: "rejected",
    what: `${displayPath(below)} is an object with the name of a directory`,
    hint: "A name that ends in a slash marks a directory and has no bytes. Rename the object, or exclude it.",
  });
  return { path: below, isDirectory: false, sizeBytes, outcome: "unsupported", error: error.toJSON() };
}

/** Directory buckets of S3 Express, for one, list in no order: a plan over that would leave out entries unseen. */
function outOfOrder(location: string, key: string): GodwitError {
  return new GodwitError("listing_failed", {
    disposition: "fatal",
    what: `${location} is not listed in byte order (${JSON.stringify(key)})`,
    hint: "Godwit needs ListObjectsV2 in UTF-8 byte order, as general purpose buckets of S3 give it.",
  });
}
