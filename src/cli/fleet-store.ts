/** What a fleet's processes keep: on PostgreSQL where one is named, else in a file of this machine. */
import { join } from "node:path";
import { systemClock } from "../platform/clock.ts";
import { jobIds } from "../store/job-id.ts";
import { openPostgresState, type PostgresStoreOptions } from "../store/postgres/open.ts";
import { openSqliteState } from "../store/sqlite/open.ts";
import type { State } from "../store/state.ts";
import { madeStateDirectory, ownerIsAlive } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

type Wrap = Pick<Surroundings, "wrapStore">;

type FleetStateOptions = Pick<PostgresStoreOptions, "url" | "connectionsMax" | "onConnection">;

export async function openFleetState(options: FleetStateOptions, wrap: Wrap): Promise<State> {
  return wrapped(await openPostgresState({ ...options, newJobId: jobIds(Math.random) }), wrap);
}

/** Of its own, beside the state of the commands that run jobs themselves: those are not to be led twice. */
export async function openServerState(state: string | null, wrap: Wrap): Promise<State> {
  const path = join(madeStateDirectory(state), "server.db");
  const newJobId = jobIds(Math.random);
  return wrapped(await openSqliteState({ path, clock: systemClock, isAlive: ownerIsAlive, newJobId }), wrap);
}

function wrapped(state: State, { wrapStore }: Wrap): State {
  return { ...state, store: wrapStore(state.store) };
}
