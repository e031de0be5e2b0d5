import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { jobState } from "../testbed/job-state.ts";
import type { ProgramEnd, RunningProgram } from "../testbed/program.ts";

/** mulberry32: small, seeded, good enough to choose moments. https://gist.github.com/tommyettinger/46a874533244883189143505d203312c */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Kills the program that long after its job's first chunk was leased; earlier than its end, or the caller sees no signal. */
export async function killAfter(running: RunningProgram, state: string, afterMs: number): Promise<ProgramEnd> {
  const deadline = performance.now() + 60_000;
  while (!(await isLeased(state))) {
    if (performance.now() > deadline || running.child.exitCode !== null) break;
    await sleep(20);
  }
  await Promise.race([sleep(afterMs), running.end]);
  running.child.kill("SIGKILL");
  return running.end;
}

async function isLeased(state: string): Promise<boolean> {
  if (!existsSync(join(state, "godwit.db"))) return false;
  try {
    const { attempts } = await jobState(state);
    return attempts.length > 0;
  } catch {
    // The program is just making its state; look again.
    return false;
  }
}
