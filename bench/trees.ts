/** Trees of seeded pseudo-random files: the same bytes and names on every machine. Made once, then reused. */
import { createCipheriv, createHash } from "node:crypto";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";

export interface TreeShape {
  readonly name: string;
  readonly files: number;
  readonly bytesMin: number;
  readonly bytesMax: number;
  /** Spread over folders of at most so many files. */
  readonly filesPerFolder: number;
}

const pieceBytes = 8 * 1024 * 1024;
const seed = "godwit bench 1";

/** AES-CTR over zeros: gigabytes per second, and incompressible. */
export class SeededBytes {
  readonly #cipher;

  constructor(name: string) {
    const key = createHash("sha256").update(`${seed} ${name}`).digest();
    this.#cipher = createCipheriv("aes-256-ctr", key, Buffer.alloc(16));
  }

  bytes(count: number): Buffer {
    return this.#cipher.update(Buffer.alloc(count));
  }

  between(low: number, high: number): number {
    return low + (this.bytes(6).readUIntBE(0, 6) % (high - low + 1));
  }
}

/** The path of the tree, made beneath `scratch` when it is not there yet. */
export function makeTree(scratch: string, shape: TreeShape): string {
  const root = join(scratch, "source", shape.name);
  const stamp = `${root}.json`;
  const wanted = JSON.stringify({ seed, ...shape });
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return root;
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  writeFiles(root, shape);
  writeFileSync(stamp, wanted);
  return root;
}

function writeFiles(root: string, shape: TreeShape): void {
  const random = new SeededBytes(shape.name);
  let folder = root;
  for (let index = 0; index < shape.files; index += 1) {
    if (index % shape.filesPerFolder === 0 && shape.files > shape.filesPerFolder) {
      folder = join(root, `folder-${String(index / shape.filesPerFolder).padStart(5, "0")}`);
      mkdirSync(folder);
    }
    writeOne(join(folder, `file-${String(index).padStart(7, "0")}.bin`), random, shape);
  }
}

function writeOne(path: string, random: SeededBytes, shape: TreeShape): void {
  const bytes = random.between(shape.bytesMin, shape.bytesMax);
  const file = openSync(path, "wx");
  for (let left = bytes; left > 0; left -= pieceBytes) writeSync(file, random.bytes(Math.min(left, pieceBytes)));
  closeSync(file);
}

/** A new folder with files of one size, of which no two are alike; together at least `bytesInAll`. */
export function makeDistinctFiles(folder: string, fileBytes: number, bytesInAll: number): void {
  mkdirSync(folder);
  const bytes = new SeededBytes(`distinct ${fileBytes}`).bytes(fileBytes);
  for (let at = 0; at * fileBytes < bytesInAll; at += 1) {
    bytes.writeUInt32LE(at, 0);
    writeFileSync(join(folder, `file-${String(at).padStart(6, "0")}`), bytes);
  }
}
