import { type BytePath, pathFromText } from "../../src/model/path.ts";
import type { Capabilities } from "./place.ts";

export const path = pathFromText;

/** A path of raw bytes, one character each. */
export function bytes(text: string): BytePath {
  return text as BytePath;
}

/** Bytes that are the same for the same seed and repeat nowhere within a block. */
export function sampleBytes(length: number, seed = 1): Buffer {
  const sample = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let at = 0; at + 4 <= length; at += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    sample.writeUInt32LE(state >>> 0, at);
  }
  return sample;
}

/** Names that break what was built for plain ones. */
export function oddNames(capabilities: Capabilities): readonly BytePath[] {
  const names = [
    path("café"),
    path("cafe\u0301"),
    path("new\nline"),
    path("100% sure"),
    path("%2e%2e"),
    path("back\\slash"),
    path("quote\"'`$(id)"),
    path(" lead and trail "),
    path("*?[a]{b}"),
    path("-rf"),
    path("日本語/ファイル"),
    path("…"),
    path("UPPER"),
    path("upper"),
    path(`${"n".repeat(capabilities.nameBytes - 3)}end`),
    path(Array.from({ length: 40 }, (_, depth) => `level-${depth}`).join("/")),
    path("plus+and&amp;"),
    path("#hash?query=1"),
  ];
  const raw = [bytes("raw-\xff\xfe"), bytes("\x80/\xc0\xaf"), bytes("control-\x01\x1b")];
  return capabilities.anyBytes ? [...names, ...raw] : names;
}
