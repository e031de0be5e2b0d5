/** Extended attributes as another program sets and reads them: those of Debian's package `attr`. */
import { execFileSync } from "node:child_process";

export function getXattr(path: string, name: string): Buffer {
  return execFileSync("getfattr", ["--absolute-names", "--only-values", "--name", name, path]);
}

export function setXattr(path: string, name: string, value: string | Uint8Array): void {
  const hex = `0x${Buffer.from(value).toString("hex")}`;
  execFileSync("setfattr", ["--name", name, "--value", hex, path]);
}
