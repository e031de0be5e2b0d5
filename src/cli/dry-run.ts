/**
 * `--dry-run`: the plan of a job, without a job. It lists both places and asks the target what it can hold; nothing is
 * written, nothing is remembered, and a target that is not there is an empty one. What cannot be carried is told as it
 * is found: memory does not grow with the tree.
 */
import { toGodwitError } from "../base/errors.ts";
import { plan } from "../coordinator/plan.ts";
import { connectorFor } from "../lane/connectors.ts";
import { existingOptions } from "../lane/setup.ts";
import type { JobSpec } from "../model/job.ts";
import { displayPath } from "../model/path.ts";
import { systemClock } from "../platform/clock.ts";
import type { OpenOptions } from "../ports/connector.ts";
import type { Source } from "../ports/source.ts";
import type { Target } from "../ports/target.ts";
import { DryRunTally } from "./dry-run-tally.ts";
import { openOptions } from "./job-spec.ts";
import type { DryRunDocument, NotCarried } from "./json-shapes.ts";

export interface DryRun {
  readonly spec: JobSpec;
  /** Called for each entry and feature that the target cannot hold, in the order of the listing. */
  readonly tell: (found: NotCarried) => void;
  readonly signal: AbortSignal;
}

/** @throws what opening and listing the places throws */
export async function dryRun({ spec, tell, signal }: DryRun): Promise<DryRunDocument["plan"]> {
  const options: OpenOptions = { ...openOptions("", spec), missingRoot: "accept" };
  const from = await connectorFor(spec.source);
  const to = await connectorFor(spec.target);
  await using source = await from.openSource(spec.source, options);
  await using target = spec.kind === "check" ? null : await to.openTarget(spec.target, options);
  await using existing = await existingOrEmpty(spec, () => to.openSource(spec.target, existingOptions(spec, options)));
  const tally = new DryRunTally(spec, tell);
  await plan({
    // The guard of --delete ends a job at the first entry too many; here all of them are to be counted.
    spec: { ...spec, maxDelete: null },
    source,
    target: target === null ? null : listening(target, tell),
    existing,
    clock: systemClock,
    cursor: null,
    deletionsPlanned: 0,
    write: (batch) => {
      for (const row of batch.chunks) tally.add(row);
      return Promise.resolve();
    },
    signal,
  });
  return tally.sums();
}

/** The plan drops what an accepted entry loses: a job reports it once it is lost, and here it is to be told before. */
function listening(target: Target, tell: DryRun["tell"]): Pick<Target, "accepts" | "blockBytes"> {
  return {
    blockBytes: (sizeBytes) => target.blockBytes(sizeBytes),
    accepts: (entry) => {
      const acceptance = target.accepts(entry);
      if (acceptance.ok) {
        const named = { path: displayPath(entry.path), kind: entry.kind };
        if (acceptance.as !== entry.kind) tell({ type: "becomes", ...named, as: acceptance.as });
        if (acceptance.losses.length > 0) tell({ type: "loses", ...named, lost: [...acceptance.losses] });
      }
      return acceptance;
    },
  };
}

async function existingOrEmpty(spec: JobSpec, open: () => Promise<Source>): Promise<Source> {
  try {
    return await open();
  } catch (error) {
    // `check` compares two trees that are there; a copy makes the one that is not.
    if (spec.kind === "check" || toGodwitError(error).code !== "source_missing") throw error;
    return emptySource(spec.target);
  }
}

function emptySource(location: string): Source {
  return {
    location,
    keepsDirectories: location.startsWith("file:"),
    plan: nothing,
    read: nothing,
    observe: () => Promise.resolve(null),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function* nothing(): AsyncGenerator<never> {
  // An empty tree lists no page and reads no frame.
}
