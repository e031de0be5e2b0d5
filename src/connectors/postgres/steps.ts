/**
 * What a job has done on its target, in one small table there, written in the transactions that do it: so a step that
 * was done is known to be done, and never done twice. Two fences keep out a worker whose lease has passed to another:
 * each step is under an advisory lock, whose holder the successor ends; and it carries the epoch under which it was done.
 */
import type pg from "pg";
import { GodwitError } from "../../base/errors.ts";
import type { Work } from "../../model/chunk.ts";
import { ownSchema } from "./catalog.ts";

const stepsTable = `${ownSchema}.steps`;
const fields = "job text, step text, token text, epoch bigint not null, data text, done_at timestamptz";

export interface Step {
  readonly token: string | null;
  readonly epoch: number;
  readonly data: string | null;
  readonly isDone: boolean;
}

/** The steps of one job, inside a transaction on its target. */
export class Steps {
  readonly #client: pg.Client;
  readonly #jobId: string;

  constructor(client: pg.Client, jobId: string) {
    this.#client = client;
    this.#jobId = jobId;
  }

  /** Under the lock of the schema. */
  async make(): Promise<void> {
    await this.#client.query(`create schema if not exists ${ownSchema}`);
    await this.#client.query(`create table if not exists ${stepsTable} (${fields}, primary key (job, step))`);
  }

  async isMade(): Promise<boolean> {
    const { rows } = await this.#client.query<{ made: string | null }>(`select to_regclass($1)::text as made`, [
      stepsTable,
    ]);
    return (rows[0]?.made ?? null) !== null;
  }

  /**
   * Until the end of the transaction. Whoever holds the lock of a chunk has lost its lease, or it could not be asked for
   * now: its session is ended, and what it did there taken back.
   */
  async lock(name: string, endsHolder: boolean): Promise<void> {
    const key = `pg_catalog.hashtextextended($1, 0)`;
    const text = `godwit ${this.#jobId} ${name}`;
    if (endsHolder) {
      await this.#client.query(
        `select pg_catalog.pg_terminate_backend(l.pid) from pg_catalog.pg_locks l
          where l.locktype = 'advisory' and l.granted and l.pid <> pg_catalog.pg_backend_pid() and l.objsubid = 1
            and l.database = (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database())
            and (l.classid::bigint << 32 | l.objid::bigint) = ${key}`,
        [text],
      );
    }
    await this.#client.query(`select pg_catalog.pg_advisory_xact_lock(${key})`, [text]);
  }

  /** @param share others may read it meanwhile, and nobody change it */
  async find(step: string, lock: "" | "for share" | "for update" = ""): Promise<Step | null> {
    const { rows } = await this.#client.query<{
      token: string | null;
      epoch: number;
      data: string | null;
      done: string;
    }>(
      `select token, epoch, data, (done_at is not null)::text as done from ${stepsTable} where job = $1 and step = $2 ${lock}`,
      [this.#jobId, step],
    );
    const [row] = rows;
    return row === undefined ? null : { ...row, isDone: row.done === "true" };
  }

  async put(step: string, { token, epoch, data, isDone }: Step): Promise<void> {
    await this.#client.query(
      `insert into ${stepsTable} (job, step, token, epoch, data, done_at)
        values ($1, $2, $3, $4, $5, case when $6::boolean then pg_catalog.now() end)
        on conflict (job, step) do update set token = excluded.token, epoch = excluded.epoch,
          data = excluded.data, done_at = excluded.done_at`,
      [this.#jobId, step, token, epoch, data, isDone],
    );
  }

  async remove(prefix: string): Promise<void> {
    await this.#client.query(`delete from ${stepsTable} where job = $1 and starts_with(step, $2)`, [
      this.#jobId,
      prefix,
    ]);
  }

  /** Those of this job; the table too, where no other job has any. */
  async clear(): Promise<void> {
    await this.remove("");
    const { rows } = await this.#client.query(`select from ${stepsTable} limit 1`);
    if (rows.length === 0) await this.#client.query(`drop schema ${ownSchema} cascade`);
  }
}

/** @throws lease_lost where a later lease has done it */
export function refuseOlder(step: Step | null, { chunkId, epoch = 0 }: Pick<Work, "chunkId" | "epoch">): void {
  if (step !== null && step.epoch > epoch) throw leaseLost(chunkId);
}

export function leaseLost(chunkId: number): GodwitError {
  return new GodwitError("lease_lost", {
    disposition: "fenced",
    what: `chunk ${chunkId} has passed to another worker, as the target says`,
    hint: "Nothing is lost: the other goes on.",
  });
}
