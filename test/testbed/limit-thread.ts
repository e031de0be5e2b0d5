/** A lane that only reads: books what it is told under a shared limit, and says when it may. */
import { parentPort, workerData } from "node:worker_threads";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import { systemClock } from "../../src/platform/clock.ts";

const { buffer, bytes } = workerData as { readonly buffer: SharedArrayBuffer; readonly bytes: number };
const limit = new SharedLimit(buffer);
parentPort?.postMessage("waits");
for (;;) {
  await limit.wait(bytes, { clock: systemClock, signal: new AbortController().signal });
  const nowMs = systemClock.monotonicMs();
  limit.given(bytes, nowMs);
  parentPort?.postMessage(nowMs);
}
