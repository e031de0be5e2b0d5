/** koffi calls functions of C libraries. An optional dependency: whoever uses it works without it as well. */
import { createRequire } from "node:module";

export interface Koffi {
  /** @param path  null: what the process itself has loaded */
  load(path: string | null): Library;
  /** Where the bytes lie in memory. */
  address(bytes: Uint8Array): bigint;
  /** Of the last call. */
  errno(): number;
}

export interface Library {
  /** @throws when the library has no such function */
  func(prototype: string): (...parameters: unknown[]) => number | bigint;
}

const wideWords = new Set(["x64", "arm64", "riscv64", "ppc64"]);

function load(): Koffi | null {
  if (!wideWords.has(process.arch) || (process.platform !== "linux" && process.platform !== "darwin")) return null;
  try {
    return createRequire(import.meta.url)("koffi") as Koffi;
  } catch {
    // Not installed, or not for this machine: `doctor` says what is lost by that.
    return null;
  }
}

export const koffi = load();
