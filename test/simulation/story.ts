/**
 * What happened to the two places from outside, in order: every version that the source ever had, every byte that was
 * flipped at rest. The checkers judge by this, never by what the program says of itself.
 */
import { must } from "../../src/base/assert.ts";
import { type MemoryNode, type MemoryPlace, versionOf } from "../../src/connectors/memory/place.ts";
import { versionText } from "../../src/model/entry.ts";
import type { BytePath } from "../../src/model/path.ts";
import type { Random } from "../../src/simulate/random.ts";

export interface Flip {
  readonly node: MemoryNode;
  readonly offset: number;
  /** The moment, on the scale of the journal. */
  readonly moment: number;
}

export class Story {
  readonly source: MemoryPlace;
  readonly target: MemoryPlace;
  readonly flips: Flip[] = [];
  /** Bytes of each version that ever stood in the source: each version's bytes are its own, block by block. */
  readonly versions = new Map<string, Buffer>();
  /** All bytes that may rightly stand under a name of the target: of the source, or from before the job. */
  readonly known = new Map<BytePath, Buffer[]>();
  /** How often the source's entry under this name was made another one, or was removed, since the start. */
  readonly changes = new Map<BytePath, number>();
  /** Staging places that somebody removed. */
  readonly sweptAway = new Set<BytePath>();
  /** Errors, flips and changes that a task may have met: each may use up one of its tries. */
  troubles = 0;
  #moments = 0;

  constructor(source: MemoryPlace, target: MemoryPlace) {
    this.source = source;
    this.target = target;
  }

  /** Grows with every look: orders what happened. */
  moment(): number {
    this.#moments += 1;
    return this.#moments;
  }

  put(path: BytePath, bytes: Buffer): void {
    const before = this.source.nodes.get(path);
    this.source.put(path, bytes);
    const node = must(this.source.nodes.get(path), "just put");
    this.versions.set(versionText(versionOf(node)), bytes);
    for (const [name, other] of this.source.nodes) if (other === node) this.know(name, bytes);
    if (before !== undefined) this.#changed(path, before);
  }

  know(path: BytePath, bytes: Buffer): void {
    const known = this.known.get(path);
    if (known === undefined) this.known.set(path, [bytes]);
    else known.push(bytes);
  }

  hardLink(first: BytePath, path: BytePath): void {
    this.source.hardLink(first, path);
    this.know(path, this.source.read(first));
  }

  remove(path: BytePath): void {
    const node = this.source.nodes.get(path);
    if (node === undefined) return;
    this.#changed(path, node);
    this.source.remove(path);
  }

  /** Only the times change: the bytes are the same, the version is another one. */
  touch(path: BytePath): void {
    this.put(path, Buffer.from(this.source.read(path)));
  }

  /** Forgets what happened so far: the job begins now. */
  begin(): void {
    this.changes.clear();
    this.troubles = 0;
  }

  /** Somebody removes what is staged of an entry. */
  sweep(key: BytePath): void {
    this.target.staged.delete(key);
    this.sweptAway.add(key);
    this.troubles += 1;
  }

  flip(node: MemoryNode, offset: number): void {
    if (offset >= node.bytes.length) return;
    node.bytes[offset] = (node.bytes[offset] as number) ^ 0xff;
    this.flips.push({ node, offset, moment: this.moment() });
    this.troubles += 1;
  }

  /** Flips one byte of something that the target holds: staged, or published by this job. */
  flipSomewhere(random: Random, nodes: readonly MemoryNode[]): boolean {
    const files = nodes.filter((node) => node.kind === "file" && node.bytes.length > 0);
    if (files.length === 0) return false;
    const node = random.pick(files);
    this.flip(node, random.below(node.bytes.length));
    return true;
  }

  #changed(path: BytePath, node: MemoryNode): void {
    this.troubles += 1;
    for (const [name, other] of this.source.nodes) {
      if (other === node || name === path || name.startsWith(`${path}/`))
        this.changes.set(name, (this.changes.get(name) ?? 0) + 1);
    }
  }
}
