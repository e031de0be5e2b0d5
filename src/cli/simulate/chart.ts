/** Time goes to the right, a quantity upwards: text of at most 80 columns, without colour. */
import { must } from "../../base/assert.ts";
import { formatBytes } from "../../base/sizes.ts";
import type { Instant } from "../../model/chunk.ts";
import type { Stretch } from "../../simulate/tally.ts";

export interface Bin {
  /** Bytes per second; null: no time fell into it. */
  readonly source: number | null;
  readonly verified: number | null;
  readonly cap: number | null;
}

const columns = 64;
const rows = 8;
const eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;

/** Parts of equal length of the job's time, each with its average rates. */
export function binsOf(stretches: readonly Stretch[], count: number): readonly Bin[] {
  const first = stretches[0];
  const last = stretches.at(-1);
  if (first === undefined || last === undefined) return [];
  const start = first.from;
  const width = (last.from + last.ms - start) / count;
  const sums = Array.from({ length: count }, () => ({ ms: 0, source: 0, verified: 0, capped: 0, cap: 0 }));
  for (const stretch of stretches) {
    const { from, ms, sourceBytes, verifiedBytes, capBytesPerSecond } = stretch;
    if (ms <= 0) continue;
    const indexOf = (at: Instant): number => Math.min(count - 1, Math.max(0, Math.floor((at - start) / width)));
    for (let index = indexOf(from); index <= indexOf(from + ms); index += 1) {
      const sum = must(sums[index], "bins cover all of the time");
      const [begin, end] = [start + index * width, index === count - 1 ? Infinity : start + (index + 1) * width];
      const inside = Math.max(0, Math.min(from + ms, end) - Math.max(from, begin));
      sum.ms += inside;
      sum.source += (sourceBytes * inside) / ms;
      sum.verified += (verifiedBytes * inside) / ms;
      if (capBytesPerSecond === null) continue;
      sum.capped += inside;
      sum.cap += capBytesPerSecond * inside;
    }
  }
  return sums.map(({ ms, source, verified, capped, cap }) => ({
    source: ms === 0 ? null : (source * 1_000) / ms,
    verified: ms === 0 ? null : (verified * 1_000) / ms,
    cap: capped === 0 ? null : cap / capped,
  }));
}

export interface ChartOptions {
  readonly stretches: readonly Stretch[];
  readonly durationText: string;
  /** ASCII alone. */
  readonly plain: boolean;
}

/** What the source served, with its cap; then what was proven. */
export function chartOf({ stretches, durationText, plain }: ChartOptions): string {
  const bins = binsOf(stretches, columns);
  const marks = bins.map(({ cap }) => cap);
  return [
    ...panel("source load", { values: bins.map(({ source }) => source), marks, plain }),
    "",
    ...panel("proven", { values: bins.map(({ verified }) => verified), marks: [], plain }),
    `${" ".repeat(labelColumns + 1)}0${durationText.padStart(columns - 1)}`,
  ].join("\n");
}

const labelColumns = 12;

interface Panel {
  readonly values: readonly (number | null)[];
  readonly marks: readonly (number | null)[];
  readonly plain: boolean;
}

function panel(name: string, { values, marks, plain }: Panel): readonly string[] {
  const top = Math.max(1, ...values.map((value) => value ?? 0), ...marks.map((mark) => mark ?? 0));
  const capMark = plain ? "-" : "─";
  const hasMarks = marks.some((mark) => mark !== null);
  const title = `${name}${hasMarks ? ` (${capMark} its cap)` : ""}`;
  const lines = Array.from({ length: rows }, (_, index) => {
    const row = rows - 1 - index;
    const cells = values.map((value, at) => cellOf({ value, mark: marks[at] ?? null, top, row, plain, capMark }));
    const label = row === rows - 1 ? `${formatBytes(top)}/s` : row === 0 ? "0" : "";
    return `${label.padStart(labelColumns)} ${plain ? "|" : "│"}${cells.join("")}`.trimEnd();
  });
  return [`${" ".repeat(labelColumns + 1)} ${title}`, ...lines];
}

interface Cell {
  readonly value: number | null;
  readonly mark: number | null;
  readonly top: number;
  readonly row: number;
  readonly plain: boolean;
  readonly capMark: string;
}

function cellOf({ value, mark, top, row, plain, capMark }: Cell): string {
  const filled = Math.round(((value ?? 0) / top) * rows * 8) - row * 8;
  const isMarked = mark !== null && Math.min(rows - 1, Math.floor((mark / top) * rows)) === row;
  if (filled >= 8) return plain ? "#" : eighths[8];
  if (filled <= 0) return isMarked ? capMark : " ";
  return plain ? (filled >= 4 ? "#" : isMarked ? capMark : ".") : (eighths[filled] ?? " ");
}
