/**
 * Which rows of a job came into being in one transaction, and which ended: what a coordinator is told of single chunks.
 * Kept as text beside the sums, runs of ids as `from-to`, since the ranges of one entry stand in a row.
 */
import type { ChunkId, Instant } from "./chunk.ts";

export interface ChunkNews {
  /** By the Store's clock. */
  readonly at: Instant;
  readonly added: readonly ChunkId[];
  readonly ended: readonly ChunkId[];
}

/** @returns an empty text where there is nothing to tell */
export function encodeNews({ at, added, ended }: ChunkNews): string {
  return added.length === 0 && ended.length === 0 ? "" : `${at}:${runsOf(added)}:${runsOf(ended)}`;
}

/** @returns null of an empty text */
export function decodeNews(text: string): ChunkNews | null {
  if (text === "") return null;
  const [at, added = "", ended = ""] = text.split(":");
  return { at: Number(at), added: idsOf(added), ended: idsOf(ended) };
}

function runsOf(ids: readonly ChunkId[]): string {
  const runs: { from: ChunkId; to: ChunkId }[] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && id === last.to + 1) last.to = id;
    else runs.push({ from: id, to: id });
  }
  return runs.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(",");
}

function idsOf(runs: string): readonly ChunkId[] {
  if (runs === "") return [];
  return runs.split(",").flatMap((run) => {
    const [from = 0, to = from] = run.split("-").map(Number);
    return Array.from({ length: to - from + 1 }, (_, at) => from + at);
  });
}
