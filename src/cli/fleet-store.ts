/** What a fleet's processes keep: on PostgreSQL where one is named, else in a file of this machine. */
import { join } from "node:path";
import { z } from "zod";
import { GodwitError } from "../base/errors.ts";
import { systemClock } from "../platform/clock.ts";
import { jobIds } from "../store/job-id.ts";
import { openPostgresState } from "../store/postgres/open.ts";
import { openSqliteState } from "../store/sqlite/open.ts";
import type { State } from "../store/state.ts";
import { option } from "./job-options.ts";
import { madeStateDirectory, ownerIsAlive } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

export const storeOption = option(
  "--store <url>",
  "postgres://user@host:port/database (default: GODWIT_STORE); a password belongs into PGPASSWORD or ~/.pgpass",
  z.string().nullable().default(null),
);

/** @returns null where none is named. @throws usage */
export function storeUrl(typed: string | null): string | null {
  const url = typed ?? process.env["GODWIT_STORE"] ?? "";
  if (url === "") return null;
  if (/^postgres(ql)?:\/\//.test(url)) return url;
  throw new GodwitError("usage", {
    disposition: "fatal",
    what: "--store takes a URL that begins with postgres://",
    hint: "Such as postgres://godwit@db.example.org:5432/godwit.",
  });
}

type Wrap = Pick<Surroundings, "wrapStore">;

export async function openFleetState(url: string, connectionsMax: number, wrap: Wrap): Promise<State> {
  return wrapped(await openPostgresState({ url, connectionsMax, newJobId: jobIds(Math.random) }), wrap);
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
