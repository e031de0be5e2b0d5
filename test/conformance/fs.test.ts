import { pathToFileURL } from "node:url";
import { fsConnector } from "../../src/connectors/fs/connector.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { connectorContract } from "./connector-contract.ts";
import { treeOf } from "./fs-tree.ts";

connectorContract({
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
  async createPlace() {
    const [source, target] = [tempDir("source"), tempDir("target")] as const;
    return {
      sourceUrl: pathToFileURL(source).href,
      targetUrl: pathToFileURL(target).href,
      source: treeOf(source),
      target: treeOf(target),
    };
  },
});
