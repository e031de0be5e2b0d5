import type { ErrorRecord } from "../base/errors.ts";
import type { Durability, S3Options } from "../model/job.ts";
import type { Source } from "./source.ts";
import type { Target } from "./target.ts";

/** How a place is opened. Plain data: it crosses to lanes. Secrets are not in it; each lane resolves them itself. */
export interface OpenOptions {
  readonly jobId: string;
  readonly links: "preserve" | "follow" | "skip";
  readonly durability: Durability;
  readonly verify: "readback" | "checksum";
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /** A file with one path a line, relative to the source's root; null lists the tree. */
  readonly filesFrom: string | null;
  readonly s3: S3Options;
  /**
   * What `openTarget` does where the root is not there. `accept`: it makes nothing, and what it opens is only asked what
   * it accepts (`--dry-run`). `refuse` throws target_missing. `make` when absent.
   */
  readonly missingRoot?: "make" | "accept" | "refuse";
  /** The tree is looked at as it may be already: one that is not there lists nothing. False when absent. */
  readonly mayBeAbsent?: boolean;
  /** A database is listed without a moment of which all of it is read later: each table has one of its own. False when absent. */
  readonly momentOfEach?: boolean;
  /** The list is another place's: a path in it that cannot stand here is not there, and no error. False when absent. */
  readonly listIsForeign?: boolean;
  /** False: the source lists no directories, so that none will be given its mode at the end. True when absent. */
  readonly seals?: boolean;
}

/** Told of each request that a connector sends once more by itself: it costs time, and nobody above sees it otherwise. */
export type OnRetry = () => void;

/** One finding of `doctor`. */
export interface Finding {
  readonly subject: string;
  readonly level: "ok" | "note" | "problem";
  readonly text: string;
  readonly error: ErrorRecord | null;
}

/** One kind of place. Every connector exports one of these and passes the suite in test/conformance. */
export interface Connector {
  /** URL schemes with their colon, such as `s3:`. */
  readonly scheme: string;
  /** @throws source_missing, no_such_bucket, credentials_rejected, access_denied … before anything is read */
  openSource(url: string, options: OpenOptions, onRetry?: OnRetry): Promise<Source>;
  /** Absent where every list of paths may be given. @throws config_invalid when a path in it leads out of the place */
  readonly checkList?: (file: string) => void;
  /** Creates the root where that is usual (a directory), never a bucket. */
  openTarget(url: string, options: OpenOptions, onRetry?: OnRetry): Promise<Target>;
  /** Permissions, clock, space and features, found by probing; leaves nothing behind. */
  diagnose(url: string, role: "source" | "target", options: OpenOptions, signal: AbortSignal): AsyncIterable<Finding>;
  /** What one place of this kind needs of another one, as the target. Absent: nothing that each alone does not tell. */
  diagnoseAcross?(source: string, target: string, signal: AbortSignal): AsyncIterable<Finding>;
  /** What is kept there of a job beside its entries goes: nobody will continue it. Absent where nothing is kept. */
  readonly forgetJob?: (url: string, jobId: string, signal: AbortSignal) => Promise<void>;
  /** Staged leftovers (partial files, multipart uploads) below the URL; removes them unless `dryRun`. */
  sweep(url: string, request: SweepRequest, options: OpenOptions, signal: AbortSignal): AsyncIterable<Orphan>;
}

export interface SweepRequest {
  readonly olderThanMs: number;
  readonly dryRun: boolean;
}

export interface Orphan {
  readonly name: string;
  readonly sizeBytes: number | null;
  readonly ageMs: number;
  readonly removed: boolean;
}
