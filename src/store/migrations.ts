/** The schema, step by step. A step that was released is never edited: the next one changes what it made. */
import { sql } from "kysely";
import { GodwitError } from "../base/errors.ts";
import { priorities, usualTerms } from "../model/job.ts";
import type { EngineTypes, Tx } from "./schema.ts";

type Migration = (tx: Tx, types: EngineTypes) => Promise<void>;

const migrations: readonly Migration[] = [
  createTables,
  keepLimits,
  queueByTime,
  admitFleet,
  admitPeople,
  budgetSources,
  keepFloors,
  nameSigners,
  tellChunks,
  tellPace,
  cutTables,
];

/**
 * Brings the schema up to date, inside the transaction that it is given.
 * @throws state_version when a later Godwit wrote it
 */
export async function migrate(tx: Tx, types: EngineTypes): Promise<void> {
  await sql`create table if not exists godwit_schema (version bigint not null)`.execute(tx);
  const row = await tx.selectFrom("godwit_schema").select("version").executeTakeFirst();
  const found = row === undefined ? 0 : row.version;
  if (found > migrations.length) throw tooNew(found);
  for (const migration of migrations.slice(found)) await migration(tx, types);
  if (row === undefined) await tx.insertInto("godwit_schema").values({ version: migrations.length }).execute();
  else if (found < migrations.length)
    await tx.updateTable("godwit_schema").set({ version: migrations.length }).execute();
}

function tooNew(found: number): GodwitError {
  return new GodwitError("state_version", {
    disposition: "fatal",
    what: `the state was written by a later Godwit (schema ${found}, this one knows ${migrations.length})`,
    hint: "Use that version, or another place for the state (--state, --store).",
  });
}

const tables = {
  jobs: `id text primary key, created_at bigint not null, started_at bigint, ended_at bigint, spec text not null,
    status text not null, wish text, runs bigint not null, plan_cursor text, plan_done bigint not null,
    phase bigint not null, counters text not null, failure text, lead_owner text, lead_epoch bigint not null,
    lead_expires_at bigint not null`,
  chunks: `id IDENTITY, job_id text not null, parent_id bigint, kind text not null,
    stage text not null, state text not null, phase bigint not null, rank bigint not null, attempt bigint not null,
    bytes bigint not null, slice_offset bigint not null, slice_length bigint not null, staging text,
    evidence text not null, sha256 text, open_ranges bigint not null, worker text, writer text, epoch bigint not null,
    expires_at bigint`,
  blobs: `chunk_id bigint not null, part bigint not null, data BYTES not null,
    primary key (chunk_id, part)`,
  progress: `chunk_id bigint not null, first_block bigint not null, receipts BYTES not null,
    primary key (chunk_id, first_block)`,
  inbox: `id COUNTER, job_id text not null, delta text not null`,
  verdicts: `id COUNTER, job_id text not null, chunk_id bigint not null, path BYTES,
    stage text not null, result text not null, source_digest text not null, target_digest text not null,
    bad text not null, writer text, reader text not null, read_from text not null, at bigint not null`,
  attempts: `id COUNTER, job_id text not null, chunk_id bigint not null, stage text not null,
    worker text not null, epoch bigint not null, started_at bigint not null, ended_at bigint, why text`,
  exceptions: `id COUNTER, job_id text not null, chunk_id bigint not null, path BYTES not null,
    outcome text not null, error text, lost text not null, at bigint not null`,
} as const;

/** The inbox has none: a checkpoint empties it. Partial: a row leaves the queue's indexes when it is done, so a claim costs the same however long the job is. */
const indexes: readonly string[] = [
  `create index chunks_claim on chunks (job_id, phase, rank, slice_offset, id) where state = 'pending'`,
  `create index chunks_leased on chunks (job_id, expires_at) where state = 'in_progress'`,
  `create index chunks_open on chunks (job_id, phase) where stage <> 'done'`,
  `create index chunks_ranges on chunks (parent_id, id) where parent_id is not null`,
  `create index chunks_job on chunks (job_id, id)`,
  `create index verdicts_job on verdicts (job_id, id)`,
  `create index attempts_job on attempts (job_id, id)`,
  `create unique index attempts_lease on attempts (chunk_id, epoch)`,
  `create index exceptions_job on exceptions (job_id, id)`,
];

async function createTables(tx: Tx, types: EngineTypes): Promise<void> {
  for (const [name, columns] of Object.entries(tables)) {
    const text = columns
      .replace("IDENTITY", types.identity)
      .replace("COUNTER", types.counter)
      .replaceAll("BYTES", types.bytes);
    await sql.raw(`create table ${name} (${text})`).execute(tx);
  }
  for (const index of indexes) await sql.raw(index).execute(tx);
}

/** The read limit of each run, as JSON. */
async function keepLimits(tx: Tx): Promise<void> {
  await sql`alter table jobs add column limits text not null default '[]'`.execute(tx);
}

/**
 * For engines that keep old versions of rows while somebody may still look at them: the queue is in order of time, so
 * that a claim can begin behind what is gone; rows that are open are counted, not searched; an attempt is written once,
 * at its end.
 */
async function queueByTime(tx: Tx): Promise<void> {
  for (const column of ["leased_at bigint", "queued_at bigint not null default 0"])
    await sql.raw(`alter table chunks add column ${column}`).execute(tx);
  for (const table of ["jobs", "inbox"])
    await sql.raw(`alter table ${table} add column open_rows text not null default '[]'`).execute(tx);
  await sql`update chunks set leased_at = (select started_at from attempts
    where chunk_id = chunks.id and attempts.epoch = chunks.epoch) where state = 'in_progress'`.execute(tx);
  await sql`delete from attempts where ended_at is null`.execute(tx);
  for (const index of ["chunks_claim", "chunks_open", "attempts_lease"])
    await sql.raw(`drop index ${index}`).execute(tx);
  await sql`create index chunks_claim on chunks (job_id, phase, rank, queued_at, id) where state = 'pending'`.execute(
    tx,
  );
  await countOpenRows(tx);
}

/** Workers that say they are there, and how a fleet works on a job. */
async function admitFleet(tx: Tx): Promise<void> {
  await sql`create table workers (id text primary key, host text not null, version text not null,
    lanes bigint not null, started_at bigint not null, seen_at bigint not null, left_at bigint, failure text)`.execute(
    tx,
  );
  const usual = sql.lit(JSON.stringify(usualTerms));
  await sql`alter table jobs add column terms text not null default ${usual}`.execute(tx);
  const priority = sql.lit(priorities.indexOf(usualTerms.priority));
  await sql`alter table jobs add column priority bigint not null default ${priority}`.execute(tx);
}

/** Tokens, what was done with them, which requests made a job; and what people look for among many rows that are well. */
async function admitPeople(tx: Tx, types: EngineTypes): Promise<void> {
  const made = [
    `create table tokens (id text primary key, name text not null, role text not null, secret_sha256 text not null,
      created_at bigint not null, created_by text, expires_at bigint, revoked_at bigint)`,
    `create table audit (id ${types.identity}, at bigint not null, request_id text not null, token_id text,
      actor text not null, role text not null, action text not null, job_id text, detail text not null,
      remote text not null, status bigint)`,
    `create table submissions (owner text not null, key text not null, digest text not null, job_id text not null,
      at bigint not null, primary key (owner, key))`,
    `create index submissions_at on submissions (at)`,
    `create table gates (name text primary key)`,
    `insert into gates (name) values ('submit'), ('tokens')`,
    `create index chunks_failed on chunks (job_id, id) where state = 'failed'`,
    `create index verdicts_bad on verdicts (chunk_id, id) where result <> 'match'`,
    `create index attempts_bad on attempts (job_id, id) where why <> 'done'`,
    `create index exceptions_chunk on exceptions (chunk_id, id)`,
  ];
  for (const text of made) await sql.raw(text).execute(tx);
}

async function countOpenRows(tx: Tx): Promise<void> {
  const counted = await tx
    .selectFrom("chunks")
    .select((row) => ["job_id", "phase", row.fn.countAll<number>().as("rows")])
    .where("stage", "<>", "done")
    .groupBy(["job_id", "phase"])
    .execute();
  for (const jobId of new Set(counted.map((row) => row.job_id))) {
    const open = counted.filter((row) => row.job_id === jobId);
    const list = Array.from({ length: 1 + Math.max(...open.map(({ phase }) => phase)) }, () => 0);
    for (const { phase, rows } of open) list[phase] = rows;
    await tx
      .updateTable("jobs")
      .set({ open_rows: JSON.stringify(list) })
      .where("id", "=", jobId)
      .execute();
  }
}

/** What may be read of sources, and who has which share of it. */
async function budgetSources(tx: Tx, types: EngineTypes): Promise<void> {
  await sql`create table sources (id text primary key, location text not null, production bigint not null,
    stated_peak bigint, byte_limit bigint, timetable text, thresholds text not null, throttle text not null,
    slow_downs bigint not null, slow_downs_seen bigint not null, noted_cap bigint, noted_at bigint not null,
    created_at bigint not null, updated_at bigint not null)`.execute(tx);
  await sql`create table grants (job_id text not null, worker text not null, source_id text, priority text not null,
    job_limit bigint, wants bigint, lanes_wanted bigint not null, bytes_per_second bigint, lanes bigint,
    expires_at bigint not null, held bigint, held_until bigint not null, lanes_held bigint not null,
    latency_us bigint, primary key (job_id, worker))`.execute(tx);
  await sql`create index grants_source on grants (source_id)`.execute(tx);
  await sql
    .raw(
      `create table budget_history (id ${types.counter}, source_id text not null, at bigint not null, cap bigint,
       granted bigint, lanes_allowed bigint, workers bigint not null, is_sample bigint not null, why text not null)`,
    )
    .execute(tx);
  await sql`create index budget_history_source on budget_history (source_id, id)`.execute(tx);
}

async function keepFloors(tx: Tx): Promise<void> {
  await sql`create table queue_floors (job_id text not null, phase bigint not null, rank bigint not null,
    queued_at bigint not null, id bigint not null, primary key (job_id, phase, rank))`.execute(tx);
}

/** Who signs reports; and sources change one after the other. */
async function nameSigners(tx: Tx): Promise<void> {
  await sql`create table signers (key_id text primary key, public_key text not null, host text not null,
    since bigint not null)`.execute(tx);
  await sql`insert into gates (name) values ('sources')`.execute(tx);
}

/** The inbox tells of single chunks, too: `model/chunk-news`. */
async function tellChunks(tx: Tx): Promise<void> {
  await sql`alter table inbox add column news text not null default ''`.execute(tx);
}

/** How far transfers are that have not ended, and how a job has moved lately. */
async function tellPace(tx: Tx): Promise<void> {
  await sql`alter table progress add column confirmed_bytes bigint not null default 0`.execute(tx);
  await sql`alter table jobs add column pace text not null default '[]'`.execute(tx);
}

/** Ranges of a table are known by their rows. */
async function cutTables(tx: Tx): Promise<void> {
  await sql`alter table chunks add column slice_rows text`.execute(tx);
}
