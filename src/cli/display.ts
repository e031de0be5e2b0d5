/** What a person sees while a job runs: a live block on a terminal, else a line every 10 s. Always on stderr. */
import type { GodwitError } from "../base/errors.ts";
import { formatBytes, formatDuration } from "../base/sizes.ts";
import { visible } from "../base/visible.ts";
import type { Instant } from "../model/chunk.ts";
import { landedBytes, outcomeSum } from "../model/job.ts";
import type { Meter } from "../model/meter.ts";
import { outcomes } from "../model/entry.ts";
import type { ToldJob } from "./outcome.ts";
import type { JobObserver } from "./run-job.ts";

const liveIntervalMs = 200;
const plainIntervalMs = 10_000;
/** Rates are averaged over this long. */
const windowMs = 5_000;

export interface DisplayOptions {
  readonly output: NodeJS.WriteStream;
  readonly live: boolean;
  readonly quiet: boolean;
  readonly limitBytesPerSecond: number | null;
}

/** What it needs of a job. */
type ShownJob = Pick<ToldJob, "id" | "status" | "counters" | "planDone">;

/** A job, and when it will have moved its last byte as far as that is known. */
interface Shown {
  readonly job: ShownJob;
  readonly estimatedEnd: Instant | null;
}

/** What moved so far: as lanes count it live, or as a server tells it. */
type Readings = Pick<Meter, "read">;

interface Sample {
  readonly atMs: number;
  readonly read: number;
  readonly verified: number;
}

export class Display implements JobObserver, Disposable {
  readonly #options: DisplayOptions;
  #shown: Shown | null = null;
  #meters: readonly Readings[] = [];
  #timer: NodeJS.Timeout | null = null;
  #samples: Sample[] = [];
  #linesShown = 0;

  constructor(options: DisplayOptions) {
    this.#options = options;
  }

  started(job: ShownJob, meters: readonly Readings[]): void {
    this.#shown = { job, estimatedEnd: null };
    this.#meters = meters;
    this.#samples = [this.#sample()];
    if (this.#options.quiet) return;
    this.#timer = setInterval(() => this.#show(), this.#options.live ? liveIntervalMs : plainIntervalMs);
    this.#timer.unref();
  }

  checkpoint(job: ShownJob, estimatedEnd: Instant | null): void {
    this.#shown = { job, estimatedEnd };
  }

  taskFailed(error: GodwitError): void {
    if (this.#options.quiet) return;
    this.#clear();
    this.#options.output.write(`trying again: ${visible(error.message)}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    this.#clear();
  }

  #show(): void {
    if (this.#shown === null) return;
    const lines = this.#lines(this.#shown);
    if (this.#options.live) {
      this.#clear();
      this.#options.output.write(`${lines.join("\n")}\n`);
      this.#linesShown = lines.length;
    } else {
      this.#options.output.write(`${lines.join("; ")}\n`);
    }
  }

  #clear(): void {
    if (this.#linesShown === 0) return;
    this.#options.output.write(`\u001B[${this.#linesShown}A\u001B[0J`);
    this.#linesShown = 0;
  }

  #sample(): Sample {
    const sum = (name: "sourceBytesRead" | "targetBytesRead"): number =>
      this.#meters.reduce((total, meter) => total + meter.read(name), 0);
    return { atMs: performance.now(), read: sum("sourceBytesRead"), verified: sum("targetBytesRead") };
  }

  #lines({ job, estimatedEnd }: Shown): readonly string[] {
    const { counters } = job;
    const last = this.#sample();
    const now = last.atMs;
    this.#samples.push(last);
    // The newest sample beyond the window is its start: with a line every 10 s it is the line before.
    const start = this.#samples.findLastIndex((sample) => now - sample.atMs >= windowMs);
    this.#samples = this.#samples.slice(Math.max(0, start));
    const [oldest] = this.#samples;
    const seconds = oldest === undefined ? 0 : (now - oldest.atMs) / 1000;
    const perSecond = (key: "read" | "verified"): number =>
      oldest === undefined || seconds === 0 ? 0 : ((this.#samples.at(-1)?.[key] ?? 0) - oldest[key]) / seconds;
    const listed = counters.listedBytes ?? 0;
    const landed = landedBytes(counters);
    const ended = outcomes.reduce((total, outcome) => total + outcomeSum(counters, outcome).entries, 0);
    const etaText = job.planDone ? etaOf(estimatedEnd) : "still listing";
    const limit = this.#options.limitBytesPerSecond;
    return [
      `${job.id} ${job.status}: ${ended} of ${counters.listedEntries ?? 0} entries, ${formatBytes(listed)}${job.planDone ? "" : " so far"}`,
      `copied ${formatBytes(landed)}${landed === 0 && last.read > 0 ? ` (${formatBytes(last.read)} on the way)` : ""} at ${formatBytes(perSecond("read"))}/s${limit === null ? "" : ` (limit ${formatBytes(limit)}/s)`}`,
      `verified ${formatBytes(counters.bytesVerified ?? 0)} at ${formatBytes(perSecond("verified"))}/s`,
      `retries ${counters.retries ?? 0}, failed ${counters["entries:failed"] ?? 0}${etaText === "" ? "" : `, ${etaText}`}`,
    ];
  }
}

function etaOf(estimatedEnd: Instant | null): string {
  return estimatedEnd === null ? "" : `about ${formatDuration(Math.max(0, estimatedEnd - Date.now()))} left`;
}
