import type { OpenOptions } from "../../src/ports/connector.ts";
import { type FsPlace, fsPlace, fsSubject } from "../conformance/fs-subject.ts";
import { Mover } from "../conformance/place.ts";

export { type FsPlace, fsPlace };

export async function openMover(place: FsPlace, options: Partial<OpenOptions> = {}): Promise<Mover> {
  return await Mover.open(fsSubject, place, options);
}

/** Mounts, and other users' permissions, need root: `.ci/run` is root, so that nothing is skipped there. */
export const isRoot = process.geteuid?.() === 0;
