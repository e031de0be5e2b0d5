import { forgetMemoryPlace, memoryPlace, type MemoryPlace } from "../../src/connectors/memory/place.ts";
import { memoryConnector } from "../../src/connectors/memory/connector.ts";
import { connectorContract } from "./connector-contract.ts";
import type { Tree } from "./place.ts";

let made = 0;

for (const publishFirst of [false, true]) {
  connectorContract({
    name: publishFirst ? "memory that shows bytes only when they are published" : "memory",
    connector: memoryConnector,
    capabilities: {
      anyBytes: true,
      nameBytes: 255,
      directories: true,
      symlinks: true,
      hardLinks: !publishFirst,
      xattrs: true,
      attributes: true,
      plainSegments: true,
      absence: false,
    },
    async createPlace() {
      made += 1;
      const [source, target] = [`source-${made}`, `target-${made}`] as const;
      for (const name of [source, target]) forgetMemoryPlace(name);
      memoryPlace(target).publishFirst = publishFirst;
      return {
        sourceUrl: `memory:${source}`,
        targetUrl: `memory:${target}`,
        source: treeOf(memoryPlace(source)),
        target: treeOf(memoryPlace(target)),
      };
    },
  });
}

function treeOf(place: MemoryPlace): Tree {
  return {
    put: async (path, bytes, options) => place.put(path, bytes, options),
    read: async (path) => (place.nodes.get(path)?.kind === "file" ? place.read(path) : null),
    remove: async (path) => place.remove(path),
    names: async () =>
      Array.from(place.nodes.keys())
        .filter((path) => path !== "")
        .toSorted(),
    makeDirectory: async (path) => place.makeDirectory(path),
    symlink: async (path, text) => place.symlink(path, text),
    hardLink: async (first, path) => place.hardLink(first, path),
    damage: async (path, offset) => place.damage(path, offset),
    loseStaged: async () => place.staged.clear(),
  };
}
