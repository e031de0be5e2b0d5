/** Trees of files for tests, from a seed: the same seed gives the same bytes. */
import { createHash } from "node:crypto";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

/** Bytes that no file system can compress or guess: SHA-256 in counter mode. */
export function seededBytes(seed: string, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0, block = 0; at < length; at += 32, block += 1) {
    createHash("sha256").update(`${seed}:${block}`).digest().copy(bytes, at);
  }
  return bytes;
}

export interface TreeShape {
  readonly large: readonly number[];
  readonly small: number;
  /** Symlinks, hard links and empty directories, which buckets do not hold. */
  readonly links: boolean;
}

export function makeTree(root: string, seed: string, { large, small, links }: TreeShape): void {
  mkdirSync(join(root, "many", "deep", "er"), { recursive: true });
  const pool = seededBytes(seed, 1 << 20);
  large.forEach((size, index) => {
    const bytes = Buffer.allocUnsafe(size);
    for (let at = 0; at < size; at += pool.length) pool.copy(bytes, at, 0, Math.min(pool.length, size - at));
    // Each MiB differs, so that a block in the wrong place is seen.
    for (let at = 0; at + 8 <= size; at += pool.length)
      bytes.writeBigUInt64BE(BigInt(index) * 2n ** 40n + BigInt(at), at);
    writeFileSync(join(root, `large-${index}.bin`), bytes);
  });
  for (let index = 0; index < small; index += 1) {
    const at = (index * 7919) % (pool.length - 8192);
    const path = join(root, "many", index % 3 === 0 ? "deep" : "", `small ${index}.dat`);
    writeFileSync(path, pool.subarray(at, at + (index % 8192)));
    utimesSync(path, 1_700_000_000 + index, 1_700_000_000 + index);
  }
  if (!links) return;
  mkdirSync(join(root, "empty"));
  symlinkSync("../large-0.bin", join(root, "many", "symlink"));
  linkSync(join(root, "many", "deep", "small 0.dat"), join(root, "many", "deep", "er", "hard"));
}

/** Every entry with what must survive: kind, mode, mtime, link text, size and content. */
export function fingerprint(root: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const walk = (path: string): void => {
    const stat = lstatSync(join(root, path), { bigint: true });
    const common = `${(stat.mode & 0o7777n).toString(8)} ${stat.uid}:${stat.gid}`;
    if (stat.isDirectory()) {
      found.set(`${path}/`, `directory ${common} ${stat.mtimeNs}`);
      for (const name of readdirSync(join(root, path)).toSorted()) walk(join(path, name));
    } else if (stat.isSymbolicLink()) {
      found.set(path, `symlink ${readlinkSync(join(root, path))}`);
    } else {
      const sha256 = createHash("sha256")
        .update(readFileSync(join(root, path)))
        .digest("hex");
      found.set(path, `file ${common} ${stat.mtimeNs} ${stat.nlink} ${stat.size} ${sha256}`);
    }
  };
  walk("");
  return found;
}
