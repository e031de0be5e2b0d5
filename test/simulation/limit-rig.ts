/** Lanes on simulated time that read under a limit, and what they have read. */
import { SimProcess } from "../../src/simulate/sim-process.ts";
import type { SimTime } from "../../src/simulate/sim-time.ts";
import { limitReads } from "../../src/decorators/rate-limit.ts";
import { SharedLimit } from "../../src/decorators/shared-limit.ts";
import type { ReadBudget, Source } from "../../src/ports/source.ts";
import { simTime } from "./sim-clock.ts";

export const MB = 1_000_000;
export const never = new AbortController().signal;

function newLimit(): SharedLimit {
  return new SharedLimit(new SharedArrayBuffer(SharedLimit.byteLength));
}

export interface Rig {
  readonly time: SimTime;
  readonly process: SimProcess;
  readonly limit: SharedLimit;
  /** What was read, and when. */
  readonly reads: { readonly atMs: number; readonly bytes: number }[];
  /** A lane's own budget. */
  readonly lane: () => ReadBudget;
  /** A lane that reads as fast as it may; `workMs` passes after each read, which lasts as long as `held`. */
  readonly busy: (options?: {
    readonly workMs?: () => number;
    readonly held?: () => Promise<void>;
    readonly bytes?: number;
  }) => void;
}

export function rig(): Rig {
  const time = simTime();
  const process = new SimProcess("process-1", time);
  const limit = newLimit();
  const reads: Rig["reads"] = [];
  const lane = (): ReadBudget => {
    const budgets: ReadBudget[] = [];
    const source = {
      read: (request: { readonly budget?: ReadBudget }) => {
        if (request.budget !== undefined) budgets.push(request.budget);
        return (async function* () {})();
      },
    } as unknown as Source;
    limitReads(source, limit, process.clock).read({} as never, never);
    return budgets[0] as ReadBudget;
  };
  const busy: Rig["busy"] = ({ workMs = () => 0, held = async () => {}, bytes } = {}) => {
    const budget = lane();
    void (async () => {
      for (;;) {
        const step = budget.stepBytes(bytes ?? 2 ** 20);
        {
          using pending = await budget.request(step, never);
          await held();
          reads.push({ atMs: time.monotonicMs(), bytes: step });
          pending.answered();
        }
        await process.clock.sleep(workMs());
      }
    })();
  };
  return { time, process, limit, reads, lane, busy };
}

export function sum(reads: Rig["reads"], fromMs = 0, toMs = Infinity): number {
  return reads.reduce((all, { atMs, bytes }) => all + (atMs >= fromMs && atMs < toMs ? bytes : 0), 0);
}

/** The most in any second. */
export function worstSecond(reads: Rig["reads"]): number {
  return Math.max(...reads.map(({ atMs }) => sum(reads, atMs, atMs + 1_000)));
}
