/** `sweep URL`: removes what interrupted jobs staged and nobody will finish. */
import type { Command } from "commander";
import { z } from "zod";
import { GodwitError } from "../../base/errors.ts";
import { formatBytes } from "../../base/sizes.ts";
import { visible } from "../../base/visible.ts";
import { connectorFor } from "../../lane/connectors.ts";
import type { Job } from "../../model/job.ts";
import type { Orphan } from "../../ports/connector.ts";
import { answer } from "../answer.ts";
import { addCommand } from "../command.ts";
import { formatAge, parseDuration } from "../duration.ts";
import { isResumable } from "../find-job.ts";
import { generalOptions, option, placeOptions } from "../job-options.ts";
import { placeOpenOptions } from "../job-spec.ts";
import type { SweptDocument } from "../json-shapes.ts";
import { overlaps } from "../../coordinator/nested.ts";
import { placeText, placeUrl } from "../../model/place.ts";
import { openStateOf } from "../state.ts";
import type { Surroundings } from "../surroundings.ts";

const { state, json } = generalOptions;
const sweepOptions = {
  olderThan: option(
    "--older-than <time>",
    "leave alone what changed since (default: 7d)",
    z.string().default("7d").transform(parseDuration),
  ),
  dryRun: option("--dry-run", "name what would be removed; remove nothing", z.boolean().default(false)),
  ...placeOptions,
  state,
  json,
};

export function addSweepCommand(program: Command, surroundings: Surroundings): void {
  addCommand(
    program,
    {
      name: "sweep",
      summary: "remove partial files and unfinished uploads that no job will finish",
      description:
        "Removes partial files (directories) and unfinished multipart uploads (S3) of Godwit below a place. Refused while this state directory has an unfinished job that writes there; jobs of other machines are unknown here, hence --older-than.",
      arguments: [{ name: "place", help: "a path or URL" }],
      options: sweepOptions,
      examples: [
        { line: "godwit sweep /mnt/new --dry-run" },
        { line: "godwit sweep s3://bucket/share --older-than 1d" },
      ],
      run: async ([place = ""], values) => {
        const url = placeUrl(place);
        await using store = await openStateOf(values, surroundings);
        if (!values.dryRun) refuseUnfinished(url, await store.jobs());
        using interrupt = surroundings.onInterrupt();
        const connector = await connectorFor(url);
        const { olderThan, dryRun } = values;
        const orphans = connector.sweep(
          url,
          { olderThanMs: olderThan, dryRun },
          placeOpenOptions(values),
          interrupt.signal,
        );
        const found: Orphan[] = [];
        let count = 0;
        for await (const orphan of orphans) {
          count += 1;
          if (values.json) found.push(orphan);
          else surroundings.stdout.write(`${orphanText(orphan)}\n`);
        }
        if (values.json) answer(surroundings, document(url, dryRun, found));
        else
          surroundings.stdout.write(
            `${count} ${dryRun ? "would be removed" : "removed"} below ${visible(placeText(url))}\n`,
          );
        return 0;
      },
    },
    surroundings,
  );
}

function document(place: string, dryRun: boolean, orphans: readonly Orphan[]): SweptDocument {
  return {
    place,
    dry_run: dryRun,
    orphans: orphans.map(({ name, sizeBytes, ageMs, removed }) => ({
      name,
      size_bytes: sizeBytes,
      age_ms: Math.max(0, Math.round(ageMs)),
      removed,
    })),
  };
}

function orphanText({ name, sizeBytes, ageMs, removed }: Orphan): string {
  const size = sizeBytes === null ? "" : `, ${formatBytes(sizeBytes)}`;
  return `${removed ? "removed" : "found"} ${visible(name)} (${formatAge(ageMs)} old${size})`;
}

/** What a paused job has confirmed is not sent again: sweeping it away would break that promise. */
function refuseUnfinished(url: string, jobs: readonly Job[]): void {
  const job = jobs.find((one) => isResumable(one) && one.spec.kind !== "check" && overlaps(one.spec.target, url));
  if (job === undefined) return;
  throw new GodwitError("job_state", {
    disposition: "rejected",
    what: `job ${job.id} is unfinished and writes to ${placeText(job.spec.target)}`,
    hint: `Resume it, or end it with \`godwit cancel ${job.id}\`, which removes what it has staged.`,
  });
}
