import { GodwitError } from "./errors.ts";

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  pb: 1e15,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
  pib: 2 ** 50,
};

/** `64MiB`, `50MB`, `1048576`: decimal and binary units by their names. @throws usage */
export function parseBytes(text: string): number {
  const bytes = bytesOf(text);
  if (bytes === null) {
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `${text} is no size`,
      hint: "Write a number with a unit, such as 64MiB or 50MB. KB, MB and GB are decimal; KiB, MiB and GiB binary.",
    });
  }
  return bytes;
}

/** Null where the text is no whole number of bytes from 1 on that can be told exactly. */
function bytesOf(text: string): number | null {
  const parsed = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text.trim());
  const unit = units[(parsed?.[2] ?? "").toLowerCase()];
  if (parsed === null || unit === undefined) return null;
  const bytes = Math.round(Number(parsed[1]) * unit);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : null;
}

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, min: 60, h: 3_600, d: 86_400 };

/**
 * `50MB/s`, `400GB/h`, `1.5GiB/min`: a size and a time. One without a time is refused: it might be meant for any.
 * @returns bytes per second, whole: rounded down, since a limit is never more than what was asked for. @throws usage
 */
export function parseRate(text: string): number {
  const parsed = /^(.*[a-z]) ?\/ ?([a-z]+)$/i.exec(text.trim());
  const seconds = secondsOf[parsed?.[2]?.toLowerCase() ?? ""];
  const bytes = bytesOf(parsed?.[1] ?? "");
  if (seconds === undefined || bytes === null)
    throw noRate(`${text} is no rate`, "Write a size and a time, such as 50MB/s, 3GB/min or 400GB/h.");
  const rate = Math.floor(bytes / seconds);
  if (rate < 1) throw noRate(`${text} is less than a byte per second`, "Write more, such as 50MB/s.");
  return rate;
}

function noRate(what: string, hint: string): GodwitError {
  return new GodwitError("usage", { disposition: "fatal", what, hint });
}

const shown = ["B", "KB", "MB", "GB", "TB", "PB"] as const;

/** Decimal, three digits: `1.23 GB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < shown.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const text = unit === 0 ? String(Math.round(value)) : value.toPrecision(3);
  return `${text} ${shown[unit] ?? ""}`;
}

/** `1 h 02 min`, `3 min 20 s`, `4.2 s`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
