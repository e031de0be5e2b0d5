/** The fs connector as the contract sees it, with two directories of its own for each place. */
import { pathToFileURL } from "node:url";
import { fsConnector, openFsSource } from "../../src/connectors/fs/connector.ts";
import { sha256Pairs } from "../../src/platform/sha256-pair.ts";
import { slowPair } from "../testbed/slow-pair.ts";
import { isInstalled, serversRequired } from "../testbed/tools.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { treeOf } from "./fs-tree.ts";
import type { ContractPlace, ContractSubject } from "./place.ts";

export interface FsPlace extends ContractPlace {
  readonly from: string;
  readonly to: string;
}

export function fsPlace(from = tempDir("source"), to = tempDir("target")): FsPlace {
  const [sourceUrl, targetUrl] = [pathToFileURL(from).href, pathToFileURL(to).href] as const;
  return {
    from,
    to,
    sourceUrl,
    targetUrl,
    source: treeOf(from),
    target: treeOf(to),
    absentUrl: sourceUrl.slice(0, -1),
  };
}

export const fsSubject: ContractSubject = {
  name: "fs",
  connector: fsConnector,
  capabilities: {
    anyBytes: true,
    nameBytes: 255,
    directories: true,
    symlinks: true,
    hardLinks: true,
    xattrs: isInstalled("attr") || serversRequired(),
    attributes: true,
    plainSegments: true,
    absence: true,
  },
  createPlace: async () => fsPlace(),
};

/** The same with two blocks at a time. */
export const fsPairedSubject: ContractSubject = {
  ...fsSubject,
  name: "fs in pairs",
  newPair: sha256Pairs() ?? slowPair,
};

/** The same with threads that list ahead from the first entry on, however small the tree. */
export const fsAheadSubject: ContractSubject = {
  ...fsSubject,
  name: "fs with listing threads",
  connector: { ...fsConnector, openSource: async (url, options) => openFsSource(url, options, 0) },
};
