/** Defects on purpose, each of a kind that an invariant exists for. */
import type { ChunkId, Lease, Work } from "../../src/model/chunk.ts";
import { noReceipts, type Task, type TaskResult } from "../../src/model/task.ts";
import type { Source } from "../../src/ports/source.ts";
import type { Store } from "../../src/ports/store.ts";

/** A Store that does not fence: what a stale worker records counts as if the present one had sent it. */
export function withoutFencing(store: Store): Store {
  const present = new Map<ChunkId, Lease>();
  const asPresent = (lease: Lease): Lease => present.get(lease.chunkId) ?? lease;
  return over(store, {
    claim: async (...args) => {
      const tasks = await store.claim(...args);
      for (const { lease } of tasks) present.set(lease.chunkId, lease);
      return tasks;
    },
    confirm: (lease, ...rest) => store.confirm(asPresent(lease), ...rest),
    finish: (lease, ...rest) => store.finish(asPresent(lease), ...rest),
  });
}

/** A Store that hands out a chunk without what was confirmed of it. */
export function withoutCheckpoints(store: Store): Store {
  return over(store, {
    claim: async (...args) => {
      const tasks = await store.claim(...args);
      return tasks.map((task) => (task.stage === "transfer" ? Object.assign(task, { receipts: noReceipts }) : task));
    },
  });
}

/** A Store that forgets the plan's cursor: whoever takes over lists from the start. */
export function withoutCursor(store: Store): Store {
  return over(store, { checkpoint: async (lead) => ({ ...(await store.checkpoint(lead)), planCursor: null }) });
}

/** A verifier that calls everything right. */
export function withoutComparing(_: Task, result: TaskResult): TaskResult {
  return result.type === "read_back" ? { ...result, bad: [], endings: [] } : result;
}

/** A source that reads whatever stands under the name, and says that it is what was planned. */
export function withoutPinning(source: Source): Source {
  return over(source, {
    read: async function* (request, signal) {
      const items: Work["items"] = await Promise.all(
        request.work.items.map(async (item) => {
          const seen = await source.observe(item.entry, signal);
          return seen?.entry.sizeBytes === item.entry.sizeBytes ? { ...item, entry: seen.entry } : item;
        }),
      );
      yield* source.read({ ...request, work: { ...request.work, items } }, signal);
    },
    observe: async (entry, signal) => {
      const seen = await source.observe(entry, signal);
      return seen?.entry.sizeBytes === entry.sizeBytes ? { ...seen, entry } : seen;
    },
  });
}

function over<P extends object>(port: P, changed: Partial<P>): P {
  return new Proxy(port, {
    get: (inner, key) => {
      const own: unknown = Reflect.get(changed, key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(inner, key);
      return typeof value === "function" ? (value.bind(inner) as unknown) : value;
    },
  });
}
