import type { Stage } from "../../src/model/chunk.ts";
import type { Store } from "../../src/ports/store.ts";

/** Where a process can die between an effect and its record. Each names what has happened, and what has not. */
export const crashPoints = [
  "before_blocks_recorded",
  "after_blocks_recorded",
  "before_transfer_recorded",
  "after_transfer_recorded",
  "before_verdict_recorded",
  "before_publish_recorded",
] as const;
/**
 * `claimed_…`: a task of that stage was claimed, and nothing of it done. `before_digest_recorded`: a whole file was
 * compared with its evidence.
 */
export type CrashPoint = (typeof crashPoints)[number] | `claimed_${Stage}` | "before_digest_recorded";

/** A Store whose process dies at the n-th time that the point is reached. */
export function crashingStore(store: Store, point: CrashPoint, occurrence: number): Store {
  let seen = 0;
  const reach = (reached: CrashPoint): void => {
    if (reached !== point) return;
    seen += 1;
    if (seen === occurrence) process.kill(process.pid, "SIGKILL");
  };
  return new Proxy(store, {
    get(target, property): unknown {
      if (property === "confirm") {
        return async (...args: Parameters<Store["confirm"]>) => {
          reach("before_blocks_recorded");
          await target.confirm(...args);
          reach("after_blocks_recorded");
        };
      }
      if (property === "finish") {
        return async (...args: Parameters<Store["finish"]>) => {
          const [, { type }] = args;
          if (type === "transferred") reach("before_transfer_recorded");
          if (type === "read_back") reach("before_verdict_recorded");
          if (type === "digested") reach("before_digest_recorded");
          if (type === "published") reach("before_publish_recorded");
          await target.finish(...args);
          if (type === "transferred") reach("after_transfer_recorded");
        };
      }
      if (property === "claim") {
        return async (...args: Parameters<Store["claim"]>) => {
          const tasks = await target.claim(...args);
          for (const task of tasks) reach(`claimed_${task.stage}`);
          return tasks;
        };
      }
      const value: unknown = Reflect.get(target, property, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}
