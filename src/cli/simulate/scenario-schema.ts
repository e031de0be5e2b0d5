/** The scenario file of `godwit simulate`: every field with its unit, and what it becomes. */
import { z } from "zod";
import { GodwitError } from "../../base/errors.ts";
import { parseBytes, parseRate } from "../../base/sizes.ts";
import { checkTimetable, type Timetable } from "../../model/timetable.ts";
import { noFailures, type Scenario } from "../../simulate/scenario.ts";

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  min: 60_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};

/** What a parser throws is said of the field. */
function parsed<T>(parse: (text: string) => T) {
  return z.union([z.string(), z.number()]).transform((value, context) => {
    try {
      return parse(String(value));
    } catch (error) {
      if (!(error instanceof GodwitError)) throw error;
      context.addIssue({ code: "custom", message: `${error.what}. ${error.hint}` });
      return z.NEVER;
    }
  });
}

function unreadable(what: string, hint: string): GodwitError {
  return new GodwitError("config_invalid", { disposition: "fatal", what, hint });
}

/** `90s`, `5ms`, `1.5h`, `30d`. @returns milliseconds */
function parseTime(text: string): number {
  const [, number = "", unit = ""] = /^(\d+(?:\.\d+)?) ?([a-z]+)$/.exec(text.trim()) ?? [];
  const unitMs = unitsMs[unit];
  if (number === "" || unitMs === undefined)
    throw unreadable(`${text} is no length of time`, "Write a number and a unit: ms, s, m, h, d or w, such as 30d.");
  return Number(number) * unitMs;
}

const bytes = parsed(parseBytes);
const time = parsed(parseTime);
const rate = parsed(parseRate);
const count = z.int().min(0);
const perTime = z.number().min(0);
const lines = z.array(z.string()).min(1);

const shape = z.strictObject({
  name: z.string().optional(),
  /** When the job begins: what hours and weekdays a timetable is about. */
  start: z.iso.datetime({ offset: true }).default("2026-01-05T00:00:00Z"),
  /** Of the timetables. */
  time_zone: z.string().default("UTC"),
  data: z.strictObject({ bytes, mean_size: bytes.optional(), entries: z.int().min(1).optional() }),
  workers: z.strictObject({
    count: z.int().min(1).max(500),
    lanes: z.int().min(1).max(64).default(4),
    rate,
    lane_rate: rate.optional(),
    entry_time: time.default(0),
    replaced_after: time.default(600_000),
    shifts: z
      .array(z.strictObject({ count: z.int().min(1).max(1_000), from: time.default(0), until: time.optional() }))
      .default([]),
  }),
  coordinators: z.int().min(1).max(8).default(2),
  source: z
    .strictObject({
      stated_peak: rate.optional(),
      cap: rate.optional(),
      timetable: lines.optional(),
      latency: z.strictObject({ base: time, rises_at: rate, saturates_at: rate }).optional(),
      back_off_above: time.optional(),
      others: lines.optional(),
    })
    .default({}),
  verification: z.strictObject({ rate }).optional(),
  failures: z
    .strictObject({
      worker_deaths_per_week: perTime.default(0),
      worker_stalls_per_week: perTime.default(0),
      stall: time.default(60_000),
      coordinator_deaths_per_week: perTime.default(0),
      slow_downs_per_week: perTime.default(0),
      read_errors_per_pb: count.default(0),
      corrupt_chunks_per_pb: count.default(0),
    })
    .optional(),
  deadline: time.optional(),
  simulation: z
    .strictObject({ chunk_size: bytes.optional(), in_detail: z.boolean().default(false) })
    .default({ in_detail: false }),
});

type Parsed = z.output<typeof shape>;

/** Held to what only several fields together can say, too. */
export const scenarioSchema = shape.superRefine(checkTogether).transform((file): Scenario => ({
  name: file.name ?? null,
  start: Date.parse(file.start),
  data: { bytes: file.data.bytes, meanEntryBytes: meanOf(file.data) },
  workers: workersOf(file.workers),
  coordinators: file.coordinators,
  source: sourceOf(file),
  verification: { bytesPerSecond: file.verification?.rate ?? 2 * file.workers.rate },
  failures: failuresOf(file.failures),
  deadlineMs: file.deadline ?? null,
  chunkBytes: file.simulation.chunk_size ?? null,
  isInDetail: file.simulation.in_detail,
}));

function checkTogether(file: Parsed, context: z.RefinementCtx): void {
  const issue = (path: readonly (string | number)[], message: string): void =>
    context.addIssue({ code: "custom", path: [...path], message });
  const { data, source, workers } = file;
  if (data.mean_size !== undefined && data.entries !== undefined)
    issue(["data", "entries"], "say how many entries there are, or how large they are on average, not both");
  if (meanOf(data) > data.bytes) issue(["data", "mean_size"], "entries are larger than all of the data");
  if (source.latency !== undefined && source.latency.saturates_at <= source.latency.rises_at)
    issue(["source", "latency", "saturates_at"], "a source saturates above the load at which it gets slow");
  if (source.back_off_above !== undefined && source.latency === undefined)
    issue(["source", "back_off_above"], "it needs a latency: without one reads take no time");
  if (source.latency !== undefined && source.latency.base <= 0)
    issue(["source", "latency", "base"], "reads take some time");
  for (const [index, { from, until }] of workers.shifts.entries())
    if (until !== undefined && until <= from) issue(["workers", "shifts", index, "until"], "it is not after `from`");
  if (file.deadline === 0) issue(["deadline"], "nothing is done at once");
  for (const name of ["timetable", "others"] as const) {
    const timetable = timetableOf(source[name], file.time_zone);
    if (timetable === null) continue;
    try {
      checkTimetable(timetable);
    } catch (error) {
      if (!(error instanceof GodwitError)) throw error;
      issue(/time zone/.test(error.what) ? ["time_zone"] : ["source", name], `${error.what}. ${error.hint}`);
    }
  }
}

/** A file that says nothing of its entries has large ones: what they are does not matter then. */
const usualMeanBytes = 1e9;

function meanOf({ bytes: all, mean_size: mean, entries }: Parsed["data"]): number {
  if (entries !== undefined) return all / entries;
  return mean ?? Math.min(all, usualMeanBytes);
}

function timetableOf(windows: readonly string[] | undefined, timeZone: string): Timetable | null {
  return windows === undefined ? null : { timeZone, lines: windows };
}

function workersOf(workers: Parsed["workers"]): Scenario["workers"] {
  return {
    count: workers.count,
    lanes: workers.lanes,
    bytesPerSecond: workers.rate,
    laneBytesPerSecond: workers.lane_rate ?? workers.rate,
    entryMs: workers.entry_time,
    replacedAfterMs: workers.replaced_after,
    shifts: workers.shifts.map((shift) => ({
      count: shift.count,
      fromMs: shift.from,
      untilMs: shift.until ?? null,
    })),
  };
}

function sourceOf({ source, time_zone: timeZone }: Parsed): Scenario["source"] {
  const { latency } = source;
  return {
    statedPeakBytesPerSecond: source.stated_peak ?? null,
    limitBytesPerSecond: source.cap ?? null,
    timetable: timetableOf(source.timetable, timeZone),
    latency:
      latency === undefined
        ? null
        : {
            baseMs: latency.base,
            risesAtBytesPerSecond: latency.rises_at,
            saturatesAtBytesPerSecond: latency.saturates_at,
          },
    readLatencyAboveMs: source.back_off_above ?? null,
    others: timetableOf(source.others, timeZone),
  };
}

function failuresOf(failures: Parsed["failures"]): Scenario["failures"] {
  if (failures === undefined) return noFailures;
  return {
    workerDeathsPerWeek: failures.worker_deaths_per_week,
    workerStallsPerWeek: failures.worker_stalls_per_week,
    stallMs: failures.stall,
    coordinatorDeathsPerWeek: failures.coordinator_deaths_per_week,
    slowDownsPerWeek: failures.slow_downs_per_week,
    readErrorsPerPetabyte: failures.read_errors_per_pb,
    corruptChunksPerPetabyte: failures.corrupt_chunks_per_pb,
  };
}
