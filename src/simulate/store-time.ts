/**
 * Lets time pass in a Store for a fleet in which nothing changes: what its living processes would have renewed meanwhile,
 * heartbeat by heartbeat, is renewed in one step. What the dead held runs on.
 */
import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { ThrottleState } from "../model/aimd.ts";
import type { Instant } from "../model/chunk.ts";

const owned = (column: string): string =>
  `case instr(${column}, '/') when 0 then ${column} else substr(${column}, 1, instr(${column}, '/') - 1) end
   in (select value from json_each(:living))`;

export class StoreTime {
  readonly #updates: readonly StatementSync[];
  readonly #throttle: StatementSync;
  readonly #lastLease: StatementSync;

  constructor(database: DatabaseSync) {
    this.#updates = [
      `update chunks set expires_at = expires_at + :ms where state = 'in_progress' and ${owned("worker")}`,
      `update jobs set lead_expires_at = lead_expires_at + :ms where ${owned("lead_owner")}`,
      `update workers set seen_at = seen_at + :ms where ${owned("id")}`,
      `update grants set expires_at = expires_at + :ms,
         held_until = case held_until when 0 then 0 else held_until + :ms end where ${owned("worker")}`,
    ].map((text) => database.prepare(text));
    this.#throttle = database.prepare("select throttle from sources");
    this.#lastLease = database.prepare(
      `select max(expires_at) as at from chunks where state = 'in_progress' and ${owned("worker")}`,
    );
  }

  /** @param living names of processes */
  skip(ms: number, living: readonly string[]): void {
    const values = { ms: Math.round(ms), living: JSON.stringify(living) };
    for (const update of this.#updates) update.run(values);
  }

  /** When the last lease of that process ends; null: it has none. */
  lastLease(owner: string): Instant | null {
    const row = this.#lastLease.get({ living: JSON.stringify([owner]) }) as { readonly at: Instant | null };
    return row.at;
  }

  /** Of the one source. */
  throttle(): ThrottleState {
    const row = this.#throttle.get() as { readonly throttle: string };
    return JSON.parse(row.throttle) as ThrottleState;
  }
}
