import * as fs from "node:fs";
import { native } from "../../src/connectors/fs/native.ts";
import { Root } from "../../src/connectors/fs/root.ts";
import { type BytePath, joinPath, parentPath, pathToBytes, rootPath } from "../../src/model/path.ts";
import { setXattr } from "../testbed/xattrs.ts";
import type { Tree } from "./place.ts";

/** A directory as any other program sees it. */
export function treeOf(directory: string): Tree {
  const root = new Root(Buffer.from(directory).toString("latin1"));
  const inParent = (path: BytePath): void => void fs.mkdirSync(root.at(parentPath(path)), { recursive: true });
  const namesBelow = (path: BytePath, names: BytePath[] = []): BytePath[] => {
    for (const child of fs.readdirSync(root.at(path), { encoding: "latin1", withFileTypes: true })) {
      const name = joinPath(path, child.name);
      names.push(name);
      if (child.isDirectory()) namesBelow(name, names);
    }
    return names;
  };
  return {
    async put(path, bytes, options = {}) {
      inParent(path);
      const at = root.at(path);
      fs.writeFileSync(at, bytes);
      for (const [name, value] of options.xattrs ?? []) setXattr(`${directory}/${path}`, name, value);
      if (options.mode !== undefined) fs.chmodSync(at, options.mode);
      if (options.mtimeNs === undefined) return;
      const fd = fs.openSync(at, "r");
      native?.setMtime(fd, options.mtimeNs);
      fs.closeSync(fd);
    },
    async read(path) {
      return fs.lstatSync(root.at(path), { throwIfNoEntry: false })?.isFile() === true
        ? fs.readFileSync(root.at(path))
        : null;
    },
    remove: async (path) => fs.rmSync(root.at(path), { recursive: true }),
    names: async () => namesBelow(rootPath).toSorted(),
    makeDirectory: async (path) => void fs.mkdirSync(root.at(path), { recursive: true }),
    async symlink(path, text) {
      inParent(path);
      fs.symlinkSync(pathToBytes(text), root.at(path));
    },
    async hardLink(first, path) {
      inParent(path);
      fs.linkSync(root.at(first), root.at(path));
    },
    async damage(path, offset) {
      const fd = fs.openSync(root.at(path), "r+");
      const byte = Buffer.alloc(1);
      fs.readSync(fd, byte, 0, 1, offset);
      fs.writeSync(fd, Buffer.from([(byte[0] as number) ^ 0xff]), 0, 1, offset);
      fs.closeSync(fd);
    },
    async loseStaged() {
      for (const name of namesBelow(rootPath))
        if (/\.godwit\.[0-9a-f]{32}\.part$/.test(name)) fs.unlinkSync(root.at(name));
    },
  };
}
