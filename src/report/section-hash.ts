import { createHash } from "node:crypto";

const batchLength = 65_536;

/** SHA-256 over the canonical lines of a section, each ended by a newline. */
export class SectionHash {
  readonly #hash = createHash("sha256");
  #pending = "";
  lines = 0;

  add(canonicalLine: string): void {
    this.lines += 1;
    this.#pending += `${canonicalLine}\n`;
    if (this.#pending.length >= batchLength) this.#drain();
  }

  finish(): { lines: number; sha256: string } {
    this.#drain();
    return { lines: this.lines, sha256: this.#hash.digest("hex") };
  }

  #drain(): void {
    this.#hash.update(this.#pending, "utf8");
    this.#pending = "";
  }
}
