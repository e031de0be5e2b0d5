/** A dry run as text or as one JSON document, both streamed. */
import { formatBytes } from "../base/sizes.ts";
import { visible } from "../base/visible.ts";
import type { JobSpec } from "../model/job.ts";
import { markAnswered } from "./answer.ts";
import { dryRun } from "./dry-run.ts";
import type { DryRunDocument, NotCarried } from "./json-shapes.ts";
import { placeText } from "../model/place.ts";
import type { Surroundings } from "./surroundings.ts";

/** @returns the exit code: a list of what cannot be carried is an answer, not a failure */
export async function tellDryRun(spec: JobSpec, json: boolean, surroundings: Surroundings): Promise<number> {
  using interrupt = surroundings.onInterrupt();
  const { stdout } = surroundings;
  if (!json) {
    const tell = (found: NotCarried): void => void stdout.write(`${foundText(found)}\n`);
    const plan = await dryRun({ spec, tell, signal: interrupt.signal });
    stdout.write(`${planText(spec, plan)}\n`);
    return 0;
  }
  let lines = 0;
  const head = { dry_run: true, kind: spec.kind, source: spec.source, target: spec.target } as const;
  const begin = (): void => {
    // The document begins with its first line: an error before that has a document of its own.
    markAnswered(surroundings);
    stdout.write(`${JSON.stringify(head).slice(0, -1)},"not_carried":[`);
  };
  const tell = (found: NotCarried): void => {
    if (lines === 0) begin();
    stdout.write(`${lines === 0 ? "" : ","}\n${JSON.stringify(found)}`);
    lines += 1;
  };
  const plan: DryRunDocument["plan"] = await dryRun({ spec, tell, signal: interrupt.signal });
  if (lines === 0) begin();
  stdout.write(`],\n"plan":${JSON.stringify(plan)}}\n`);
  return 0;
}

function foundText(found: NotCarried): string {
  const path = visible(found.path);
  switch (found.type) {
    case "unsupported":
    case "unreadable":
      return `${found.type}: ${path}: ${found.error.code}: ${visible(found.error.what)}`;
    case "loses":
      return `loses ${found.lost.join(", ")}: ${path}`;
    case "becomes":
      return `${found.kind} becomes ${found.as}: ${path}`;
  }
}

function planText(spec: JobSpec, plan: DryRunDocument["plan"]): string {
  const { listed, chunks, ...sums } = plan;
  const shown = Object.entries(sums).filter(([, sum]) => sum.entries > 0);
  const excess = spec.maxDelete !== null && plan.delete.entries > spec.maxDelete;
  const refusal = `  more than --max-delete ${spec.maxDelete} allows: the job would be refused with too_many_deletes`;
  return [
    visible(`dry run: ${spec.kind} ${placeText(spec.source)} to ${placeText(spec.target)}; nothing was written`),
    `  listed: ${sumText(listed)}, in ${chunks} ${chunks === 1 ? "chunk" : "chunks"}`,
    ...shown.map(([name, sum]) => `  ${name}: ${sumText(sum)}`),
    ...(excess ? [refusal] : []),
  ].join("\n");
}

function sumText({ entries, bytes }: { readonly entries: number; readonly bytes: number }): string {
  return `${entries} (${formatBytes(bytes)})`;
}
