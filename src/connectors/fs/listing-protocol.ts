import type { MessagePort } from "node:worker_threads";
import type { OpenOptions } from "../../ports/connector.ts";

/** Names of a directory that one message carries rows for; a longer directory is cut into slices of so many. */
export const sliceNames = 1_024;

/** What a listing thread is started with. */
export interface ListingThreadData {
  /** One character per byte. */
  readonly root: string;
  readonly links: OpenOptions["links"];
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly port: MessagePort;
}

/** A directory to list (`names` is null), or a slice of its keys to look at. */
export interface Ask {
  readonly id: number;
  readonly directory: string;
  /** Keys, each ending in NUL but the last. */
  readonly names: string | null;
}

/**
 * Keys come in order, with a NUL between them. The first row of a listing is the directory itself; rows of its names
 * follow only where they are no more than one slice. Null rows: it could not be done. The walk then does it by itself,
 * and finds out why.
 */
export interface Answer {
  readonly id: number;
  readonly names: string;
  readonly count: number;
  readonly rows: ArrayBuffer | null;
  /** How long it took for each name. */
  readonly msPerName: number;
}
