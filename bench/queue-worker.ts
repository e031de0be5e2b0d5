/**
 * Claims and ends tasks that move nothing, over connections of its own, for so many seconds or until there are none
 * left, and prints how many and in what time: `node bench/queue-worker.ts STORE JOB CONNECTIONS BATCH SECONDS`.
 */
import type { Store } from "../src/ports/store.ts";
import { openPostgresStore } from "../src/store/postgres/open.ts";
import { leaseMs, successOf } from "../test/conformance/store-player.ts";

const [url = "", jobId = "", connections = "4", batch = "32", seconds = "10"] = process.argv.slice(2);

/** @returns how many it ended before the time was over */
async function claimAndEnd(store: Store, name: string, untilMs: number): Promise<number> {
  let ended = 0;
  while (performance.now() < untilMs) {
    const tasks = await store.claim(jobId, name, Number(batch), leaseMs);
    if (tasks.length === 0) break;
    await Promise.all(tasks.map((task) => store.finish(task.lease, successOf(task), { sourceBytesRead: 1_000 })));
    ended += tasks.length;
  }
  return ended;
}

const stores = await Promise.all(
  Array.from({ length: Number(connections) }, () =>
    openPostgresStore({ url, connectionsMax: 1, newJobId: () => jobId }),
  ),
);
// Connections are opened by the first question.
for (const store of stores) await store.openJobs();
const startedMs = performance.now();
const untilMs = startedMs + Number(seconds) * 1_000;
const ended = await Promise.all(
  stores.map((store, at) => claimAndEnd(store, `bench:${process.pid}/lane-${at}`, untilMs)),
);
const tasks = ended.reduce((sum, one) => sum + one, 0);
console.log(JSON.stringify({ tasks, seconds: (performance.now() - startedMs) / 1_000 }));
for (const store of stores) await store[Symbol.asyncDispose]();
