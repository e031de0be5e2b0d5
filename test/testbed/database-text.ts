/** A whole database as sorted lines of `pg_dump`: two that hold the same have the same lines. */
import { execFileSync } from "node:child_process";

const outputBytesMax = 2 ** 29;

export function databaseText(url: string): readonly string[] {
  const text = execFileSync("pg_dump", [`--dbname=${url}`], { encoding: "utf8", maxBuffer: outputBytesMax });
  // Rows stand as they lie on the disk, which is no part of what they are; newer tools add a key of their own.
  return text
    .split("\n")
    .filter((line) => !/^\\(?:un)?restrict /.test(line))
    .toSorted();
}
