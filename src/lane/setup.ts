/** Opens what a lane works with. Plain data in, so that it can be sent to a thread. */
import { limitReads } from "../decorators/rate-limit.ts";
import type { SharedLimit } from "../decorators/shared-limit.ts";
import { sha256Pairs } from "../platform/sha256-pair.ts";
import type { JobSpec } from "../model/job.ts";
import type { Meter } from "../model/meter.ts";
import { isDatabase } from "../model/place.ts";
import type { Clock } from "../ports/clock.ts";
import type { OpenOptions } from "../ports/connector.ts";
import type { Source } from "../ports/source.ts";
import type { Target } from "../ports/target.ts";
import { connectorFor } from "./connectors.ts";
import { evidenceProvider } from "./evidence.ts";
import type { Roles } from "./execute.ts";

export interface LaneSetup {
  readonly name: string;
  readonly spec: JobSpec;
  readonly open: OpenOptions;
}

export interface Places {
  readonly source: Source;
  /** Null for `check`. */
  readonly target: Target | null;
  /** The target's tree, to be listed and compared. */
  readonly existing: Source;
}

/** @param meter counts the requests that the places send again by themselves */
export async function openPlaces(spec: JobSpec, open: OpenOptions, meter: Meter): Promise<Places> {
  const onRetry = (): void => meter.add("retries", 1);
  const from = await connectorFor(spec.source);
  const to = await connectorFor(spec.target);
  const source = await from.openSource(spec.source, open, onRetry);
  // The target first: opening it makes its root, which can then be listed.
  const target = spec.kind === "check" ? null : await to.openTarget(spec.target, open, onRetry);
  const existing = await to.openSource(spec.target, existingOptions(spec, open), onRetry);
  return { source, target, existing };
}

/**
 * How the target's tree is opened to be held against the source's: by the same list of paths, so that what nobody asked
 * for is neither extra nor removed. Its own links are never followed: what a link of the target leads to may be the very
 * source, and is no copy.
 */
export function existingOptions(spec: JobSpec, open: OpenOptions): OpenOptions {
  const links = open.links === "follow" ? "preserve" : open.links;
  return { ...open, links, listIsForeign: true, mayBeAbsent: spec.kind !== "check" };
}

export async function closePlaces(places: Places): Promise<void> {
  await places.source[Symbol.asyncDispose]();
  await places.existing[Symbol.asyncDispose]();
  await places.target?.[Symbol.asyncDispose]();
}

export interface RoleParts {
  readonly setup: LaneSetup;
  readonly places: Places;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limit: SharedLimit | null;
}

export async function rolesOf({ setup, places, clock, meter, limit }: RoleParts): Promise<Roles> {
  const { spec } = setup;
  const source = limit === null ? places.source : limitReads(places.source, limit, clock);
  const { target, existing } = places;
  const existingReadFrom = spec.target.startsWith("s3:") || isDatabase(spec.target) ? "store" : "cache";
  const evidence = await evidenceProvider(spec, source);
  const newPair = sha256Pairs();
  return {
    worker: target === null ? null : { source, target, clock, chunkBytes: spec.chunkBytes, meter, newPair, evidence },
    verifier: { target, existing, existingReadFrom, source, meter, newPair },
  };
}
