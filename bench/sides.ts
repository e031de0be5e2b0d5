/** The commands of both sides, as an operator would type them, and the emptying of what they write to. */
import { rmSync, mkdirSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
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

export function empty(...folders: readonly string[]): void {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
}

/** Bytes of all files beneath a folder, as their lengths say. */
export function bytesBeneath(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}
