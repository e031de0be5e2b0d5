/** The commands of both sides, as an operator would type them, and the emptying of what they write to. */
import { execFileSync } from "node:child_process";
import { rmSync, mkdirSync, existsSync, readdirSync, renameSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { rcloneEnv } from "../test/testbed/rclone.ts";
import type { S3Access } from "../test/testbed/signed-request.ts";
import { repositoryRoot } from "../test/testbed/tools.ts";
import type { Step } from "./measure.ts";

export const godwitIsBuilt = (): boolean => existsSync(join(repositoryRoot, "dist", "program", "main.js"));

/** Node itself, as the executable's first line finds it. */
export function godwit(args: readonly string[], env: Readonly<Record<string, string>> = {}): Step {
  return { command: process.execPath, args: [join(repositoryRoot, "bin", "godwit.mjs"), ...args], env };
}

/** rclone as Debian ships it, in its default settings; its own AWS settings come from nowhere else. */
export function rclone(args: readonly string[], remotes: Readonly<Record<string, S3Access>> = {}): Step {
  const aws = Object.keys(process.env).filter((name) => name.startsWith("AWS_"));
  const unset = aws.flatMap((name) => ["-u", name]);
  return { command: "env", args: [...unset, "rclone", ...args], env: rcloneEnv(remotes) };
}

/** Copy, then read both sides again: what one does today to know that nothing was lost. */
export function rcloneProven(
  from: string,
  to: string,
  remotes: Readonly<Record<string, S3Access>> = {},
): readonly Step[] {
  return [rclone(["copy", from, to], remotes), rclone(["check", "--download", from, to], remotes)];
}

export const syncDisks: Step = { command: "sync", args: [] };

const entriesRemoved = 1000;

/**
 * Leaves empty folders. Trees of many files are put aside, beside them in `old`, to be removed after the comparison: ext4
 * searches for inodes that were not freed within the last minutes, which cost the next run more than its copy
 * (`recently_deleted` in https://github.com/torvalds/linux/blob/master/fs/ext4/ialloc.c).
 */
export function empty(...folders: readonly string[]): void {
  for (const folder of folders) {
    if (existsSync(folder) && readdirSync(folder, { recursive: true }).length > entriesRemoved) {
      const old = oldOf(folder);
      mkdirSync(old, { recursive: true });
      renameSync(folder, join(old, `${basename(folder)}-${readdirSync(old).length}`));
    }
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
}

export function removeOld(folder: string): void {
  rmSync(oldOf(folder), { recursive: true, force: true });
}

function oldOf(folder: string): string {
  return join(dirname(folder), "old");
}

/**
 * Takes as much memory as a copy will, and gives it back: the next run finds pages that a virtual machine's host has
 * handed out already. Without it a copy of 3 GiB took 6 s or 12 s of CPU, by chance.
 *
 * @param file is made and removed
 */
export function touchMemory(bytes: number, file: string): void {
  execFileSync("bash", ["-c", 'head -c "$1" /dev/zero > "$2"', "touch", String(bytes), file]);
  rmSync(file);
}

/** Bytes of all files beneath a folder, as their lengths say. */
export function bytesBeneath(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}
