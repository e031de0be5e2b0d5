import type { Instant, JobId } from "../model/chunk.ts";

/** Without look-alikes: a job's id is read aloud and typed. */
const letters = "0123456789abcdefghjkmnpqrstvwxyz";
const randomLetters = 4;

/**
 * Ids such as `20260131-235959-k7qd` (UTC): they sort by time, and two jobs of one second differ but for one chance in
 * a million, which the primary key then refuses.
 * @param random from 0 to below 1
 */
export function jobIds(random: () => number): (now: Instant) => JobId {
  return (now) => {
    const time = new Date(now).toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 15);
    let tail = "";
    for (let at = 0; at < randomLetters; at += 1) tail += letters[Math.floor(random() * letters.length)] ?? "0";
    return `${time}-${tail}`;
  };
}
