import * as fs from "node:fs";
import { basename, dirname } from "node:path";
import { onTestFinished } from "vitest";
import type { OpenOptions } from "../../src/ports/connector.ts";
import { type FsPlace, fsPlace, fsSubject } from "../conformance/fs-subject.ts";
import { Mover } from "../conformance/place.ts";

export { type FsPlace, fsPlace };

export async function openMover(place: FsPlace, options: Partial<OpenOptions> = {}): Promise<Mover> {
  return await Mover.open(fsSubject, place, options);
}

/** Mounts, and other users' permissions, need root: `.ci/run` is root, so that nothing is skipped there. */
export const isRoot = process.geteuid?.() === 0;

const nobody = 65_534;

/** Temporary folders are private, and may lie in each other: opened here, so that permissions further down are tested. */
export function openToAll(directory: string): void {
  fs.chmodSync(directory, 0o755);
  for (let parent = dirname(directory); basename(parent).startsWith("godwit-test-"); parent = dirname(parent)) {
    fs.chmodSync(parent, 0o711);
  }
}

export function becomeNobody(): void {
  process.setegid?.(nobody);
  process.seteuid?.(nobody);
  onTestFinished(becomeRoot);
}

export function becomeRoot(): void {
  process.seteuid?.(0);
  process.setegid?.(0);
}
