import { type BytePath, displayPath } from "../../model/path.ts";
import type { OpenOptions, Orphan, SweepRequest } from "../../ports/connector.ts";
import { placeOf } from "./place.ts";

export async function* sweep(
  url: string,
  { olderThanMs, dryRun }: SweepRequest,
  _options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Orphan> {
  const place = placeOf(url);
  const nowMs = Number(place.nowNs() / 1_000_000n);
  for (const [key, { node, stagedAtMs }] of place.staged) {
    signal.throwIfAborted();
    const ageMs = nowMs - stagedAtMs;
    if (ageMs < olderThanMs) continue;
    const name = displayPath((key.split("\0")[1] ?? key) as BytePath);
    yield { name, sizeBytes: node.bytes.length, ageMs, removed: !dryRun };
    if (!dryRun) place.staged.delete(key);
  }
}
