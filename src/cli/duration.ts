import { GodwitError } from "../base/errors.ts";

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** `30d`, `12h`, `90m`, `0s`: a whole number with its unit. @returns milliseconds @throws usage */
export function parseDuration(text: string): number {
  const parsed = /^(\d{1,6})([smhdw])$/.exec(text.trim());
  const unitMs = unitsMs[parsed?.[2] ?? ""];
  if (parsed === null || unitMs === undefined) {
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `${text} is no length of time`,
      hint: "Write a whole number and a unit: s, m, h, d or w, such as 30d or 12h.",
    });
  }
  return Number(parsed[1]) * unitMs;
}

/** For tables: the two largest units at most, `3 d 4 h`, `12 min`, `40 s`. */
export function formatAge(ms: number): string {
  const minutes = Math.floor(Math.max(0, ms) / 60_000);
  if (minutes < 1) return `${Math.floor(Math.max(0, ms) / 1_000)} s`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
