/** Extended attributes as another program sets and reads them: by the optional package fs-xattr, which needs a compiler. */
import { createRequire } from "node:module";
import { absent } from "./tools.ts";

interface FsXattr {
  getAttributeSync(path: string, name: string): Buffer;
  setAttributeSync(path: string, name: string, value: Buffer): void;
}

function load(): FsXattr {
  try {
    return createRequire(import.meta.url)("fs-xattr") as FsXattr;
  } catch (cause) {
    throw new Error(absent("fs-xattr"), { cause });
  }
}

export function getXattr(path: string, name: string): string {
  return load().getAttributeSync(path, name).toString();
}

export function setXattr(path: string, name: string, value: string | Uint8Array): void {
  load().setAttributeSync(path, name, Buffer.from(value));
}
