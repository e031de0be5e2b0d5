import { readFileSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { GodwitError } from "../base/errors.ts";
import { makeDirectories } from "../connectors/fs/make-directories.ts";
import { pathFromText } from "../model/path.ts";
import { systemClock } from "../platform/clock.ts";
import type { Store } from "../ports/store.ts";
import { jobIds } from "../store/job-id.ts";
import { openSqliteStore } from "../store/sqlite/open.ts";
import type { Surroundings } from "./surroundings.ts";

/** `--state`, else `GODWIT_STATE`, else the XDG state directory. */
export function stateDirectory(option: string | null): string {
  const { GODWIT_STATE: fromEnvironment, XDG_STATE_HOME: xdg } = process.env;
  if (option !== null) return option;
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  return join(xdg === undefined || xdg === "" ? join(homedir(), ".local", "state") : xdg, "godwit");
}

/**
 * The same, made when it is absent.
 * @throws state_unusable
 */
export function madeStateDirectory(option: string | null): string {
  const directory = resolve(stateDirectory(option));
  try {
    makeDirectories(pathFromText(directory), 0o700);
  } catch (cause) {
    throw new GodwitError("state_unusable", {
      disposition: "fatal",
      what: `the state directory ${directory} cannot be made (${cause instanceof Error ? cause.message : String(cause)})`,
      hint: "Check the modes of the directories above it, or name another one on a local disk with --state.",
      cause,
    });
  }
  return directory;
}

function openState(directory: string): Promise<Store> {
  return openSqliteStore({
    path: join(directory, "godwit.db"),
    clock: systemClock,
    isAlive: ownerIsAlive,
    newJobId: jobIds(Math.random),
  });
}

/** The Store of a command, as its surroundings want it. */
export async function openStateOf(
  values: { readonly state: string | null },
  surroundings: Pick<Surroundings, "wrapStore">,
): Promise<Store> {
  return surroundings.wrapStore(await openState(madeStateDirectory(values.state)));
}

/** This process, so that another one can tell whether it still lives: host, pid, and the moment at which it started. */
export function processOwner(): string {
  return `${hostname()}:${process.pid}:${startOf(process.pid) ?? "0"}`;
}

/** On this host a process id and its start time tell; of other hosts nothing is known, so they are taken for alive. */
export function ownerIsAlive(owner: string): boolean {
  const [host, pid, start] = owner.split(":");
  if (host !== hostname() || pid === undefined) return true;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
  const now = startOf(Number(pid));
  return now === null || now === start;
}

/** Field 22 of /proc/PID/stat (proc(5)): clock ticks after boot. Null where there is no such file. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
