/** The Store of a fleet's processes: PostgreSQL where one is named, else a file of this machine. */
import { join } from "node:path";
import { z } from "zod";
import { GodwitError } from "../base/errors.ts";
import { systemClock } from "../platform/clock.ts";
import type { Store } from "../ports/store.ts";
import { jobIds } from "../store/job-id.ts";
import { openPostgresStore } from "../store/postgres/open.ts";
import { openSqliteStore } from "../store/sqlite/open.ts";
import { option } from "./job-options.ts";
import { madeStateDirectory, ownerIsAlive } from "./state.ts";
import type { Surroundings } from "./surroundings.ts";

export const storeOption = option(
  "--store <url>",
  "postgres://user@host:port/database (default: GODWIT_STORE); a password belongs into PGPASSWORD or ~/.pgpass",
  z.string().nullable().default(null),
);

/** Beside what lanes claim and record at the same time: heartbeats, the look at the jobs, checkpoints. */
const ownConnections = 3;

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

export async function openFleetStore(
  url: string,
  lanes: number,
  { wrapStore }: Pick<Surroundings, "wrapStore">,
): Promise<Store> {
  const newJobId = jobIds(Math.random);
  return wrapStore(await openPostgresStore({ url, connectionsMax: lanes + ownConnections, newJobId }));
}

/** Of its own, beside the state of the commands that run jobs themselves: those are not to be led twice. */
export async function openServerState(
  state: string | null,
  { wrapStore }: Pick<Surroundings, "wrapStore">,
): Promise<Store> {
  const path = join(madeStateDirectory(state), "server.db");
  const newJobId = jobIds(Math.random);
  return wrapStore(await openSqliteStore({ path, clock: systemClock, isAlive: ownerIsAlive, newJobId }));
}
