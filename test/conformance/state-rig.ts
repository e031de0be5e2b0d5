import { onTestFinished } from "vitest";
import type { JobId } from "../../src/model/chunk.ts";
import type { State } from "../../src/store/state.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { ManualClock } from "./store-player.ts";

export interface OpenStateOptions {
  readonly clock: ManualClock;
  readonly newJobId: () => JobId;
}
export type OpenState = (directory: string, options: OpenStateOptions) => Promise<State>;

export interface StateRig {
  readonly state: State;
  readonly clock: ManualClock;
  /** The same state, opened once more. */
  readonly again: () => Promise<State>;
}

export async function stateRig(open: OpenState): Promise<StateRig> {
  const directory = tempDir("state");
  const clock = new ManualClock();
  let jobs = 0;
  const newJobId = (): string => `job-${String((jobs += 1)).padStart(3, "0")}`;
  const again = async (): Promise<State> => {
    const state = await open(directory, { clock, newJobId });
    // A server has only so many connections.
    onTestFinished(() => state.store[Symbol.asyncDispose]());
    return state;
  };
  return { state: await again(), clock, again };
}
