/** Jobs as text: one line each, or one in full. */
import { formatBytes } from "../base/sizes.ts";
import { visible } from "../base/visible.ts";
import { isActive, landedBytes } from "../model/job.ts";
import { formatAge } from "./duration.ts";
import { isInterrupted, outcomeParts, type ToldJob, whereOption } from "./outcome.ts";
import { placeText } from "../model/place.ts";

export interface ListedJob {
  readonly job: ToldJob;
  /** Who runs it now; null when nobody does. */
  readonly leader: string | null;
}

const headings = ["JOB", "KIND", "STATUS", "ENTRIES", "BYTES", "AGE"];
const placesHeading = "SOURCE → TARGET";

/** @param columnsMax of the terminal that shows it, where the places move below their job; null: one line for each job */
export function jobTable(jobs: readonly ListedJob[], nowMs: number, columnsMax: number | null): string {
  const rows = jobs.map(({ job, leader }) => [
    job.id,
    job.spec.kind,
    statusText(job, leader),
    String(job.counters.listedEntries ?? 0),
    formatBytes(job.counters.listedBytes ?? 0),
    formatAge(nowMs - job.createdAt),
  ]);
  const places = jobs.map(({ job: { spec } }): Places => [placeText(spec.source), placeText(spec.target)]);
  const wide = columns([
    [...headings, placesHeading],
    ...rows.map((row, at) => [...row, (places[at] ?? []).join(arrow)]),
  ]);
  if (columnsMax === null || widthOf(wide) <= columnsMax) return wide;
  const below = [placesHeading, ...places.map((two) => shortened(two, columnsMax - indent.length))];
  return columns([headings, ...rows])
    .split("\n")
    .map((line, at) => `${line}\n${indent}${below[at] ?? ""}`)
    .join("\n");
}

/** Of the terminal behind a stream; null where there is none. */
export function columnsOf({ isTTY, columns: count }: Pick<NodeJS.WriteStream, "isTTY" | "columns">): number | null {
  return isTTY && count > 0 ? count : null;
}

type Places = readonly [source: string, target: string];

const arrow = " → ";
const indent = "  ";
const placeColumnsMin = 12;

function widthOf(text: string): number {
  return Math.max(...text.split("\n").map((line) => line.length));
}

/** Both within so many columns: each may have half of them, and what the other leaves. */
function shortened([source, target]: Places, columnsMax: number): string {
  const room = Math.max(2 * placeColumnsMin, columnsMax - arrow.length);
  const [from, to] = [visible(source), visible(target)];
  const half = Math.floor(room / 2);
  return [
    withoutMiddle(from, Math.max(half, room - to.length)),
    withoutMiddle(to, Math.max(room - half, room - from.length)),
  ].join(arrow);
}

/** The end of a path tells more than its beginning. */
function withoutMiddle(text: string, columnsMax: number): string {
  if (text.length <= columnsMax) return text;
  const head = Math.floor((columnsMax - 1) / 3);
  return `${text.slice(0, head)}…${text.slice(text.length - (columnsMax - 1 - head))}`;
}

function statusText(job: ToldJob, leader: string | null): string {
  return isInterrupted(job, leader) ? "interrupted" : job.status;
}

export function jobDetails({ job, leader }: ListedJob, nowMs: number): string {
  const { spec, counters, failure } = job;
  const ended = outcomeParts(job);
  const lines: [string, string][] = [
    ["job", `${job.id} (${spec.kind})`],
    ["source", placeText(spec.source)],
    ["target", placeText(spec.target)],
    ["status", `${statusText(job, leader)}${leader === null ? "" : `, led by ${leader}`}`],
    [
      "created",
      `${new Date(job.createdAt).toISOString()} (${formatAge(nowMs - job.createdAt)} ago), runs: ${job.runs}`,
    ],
    [
      "listed",
      `${counters.listedEntries ?? 0} entries, ${formatBytes(counters.listedBytes ?? 0)}${job.planDone ? "" : " so far"}`,
    ],
    ["ended", ended.length === 0 ? "none yet" : ended.join(", ")],
    ["copied", formatBytes(landedBytes(counters))],
    ["verified", formatBytes(counters.bytesVerified ?? 0)],
    ["chunks", `${counters.chunksDone ?? 0} of ${counters.chunksTotal ?? 0}`],
    [
      "trouble",
      `${counters.retries ?? 0} retries, ${counters.mismatches ?? 0} mismatches, ${counters.losses ?? 0} losses`,
    ],
  ];
  if (failure !== null) lines.push(["failure", `${failure.code}: ${failure.what}`], ["", failure.hint]);
  const next = nextStep(job, leader);
  if (next !== null) lines.push(["next", next]);
  return columns(lines);
}

function nextStep(job: ToldJob, leader: string | null): string | null {
  const where = whereOption(job);
  // A server's job goes on by itself, whether or not somebody leads it at this moment.
  const goesOn = leader !== null || (job.server !== undefined && (job.status === "pending" || isActive(job.status)));
  if (goesOn) return `godwit pause ${job.id}${where}, or godwit cancel ${job.id}${where}`;
  if (job.status === "complete") return `godwit report ${job.id}${where}`;
  return job.status === "cancelled" ? null : `godwit resume ${job.id}${where}`;
}

function columns(cells: readonly (readonly string[])[]): string {
  const rows = cells.map((row) => row.map(visible));
  const widths: number[] = [];
  for (const row of rows) for (const [at, cell] of row.entries()) widths[at] = Math.max(widths[at] ?? 0, cell.length);
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
