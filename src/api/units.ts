/** The border's units: limits are decimal GB per hour outside, bytes per second inside. */
const bytesPerGigabyte = 1e9;
const secondsPerHour = 3_600;

/** Rounded down: a cap is never more than what was asked for. */
export function bytesPerSecondOf(gigabytesPerHour: number): number {
  return Math.max(1, Math.floor((gigabytesPerHour * bytesPerGigabyte) / secondsPerHour));
}

/** What was asked for, again: the rounding above takes less than the fifth decimal. */
export function gigabytesPerHourOf(bytesPerSecond: number): number {
  return Number(((bytesPerSecond * secondsPerHour) / bytesPerGigabyte).toFixed(5));
}

export function instantText(at: number): string {
  return new Date(at).toISOString();
}

export function instantOrNull(at: number | null): string | null {
  return at === null ? null : instantText(at);
}
