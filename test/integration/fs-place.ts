import { pathToFileURL } from "node:url";
import { fsConnector } from "../../src/connectors/fs/connector.ts";
import type { OpenOptions } from "../../src/ports/connector.ts";
import { treeOf } from "../conformance/fs-tree.ts";
import { type ContractPlace, type ContractSubject, Mover } from "../conformance/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";

export interface FsPlace extends ContractPlace {
  readonly from: string;
  readonly to: string;
}

export function fsPlace(from = tempDir("source"), to = tempDir("target")): FsPlace {
  const [sourceUrl, targetUrl] = [pathToFileURL(from).href, pathToFileURL(to).href] as const;
  return { from, to, sourceUrl, targetUrl, source: treeOf(from), target: treeOf(to) };
}

const subject: ContractSubject = {
  name: "fs",
  connector: fsConnector,
  capabilities: {
    anyBytes: true,
    nameBytes: 255,
    directories: true,
    symlinks: true,
    hardLinks: true,
    xattrs: true,
    attributes: true,
    plainSegments: true,
  },
  createPlace: async () => fsPlace(),
};

export async function openMover(place: FsPlace, options: Partial<OpenOptions> = {}): Promise<Mover> {
  return await Mover.open(subject, place, options);
}

/** Mounts, and other users' permissions, need root: `.ci/run` is root, so that nothing is skipped there. */
export const isRoot = process.geteuid?.() === 0;
