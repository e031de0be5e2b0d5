/**
 * The queue on PostgreSQL as shipped: claim and completion of tasks by 8 connections of two processes, on 10,000 rows,
 * and on 15 million of which 10 million were completed while a transaction was held open.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import pg from "pg";
import { must } from "../src/base/assert.ts";
import { openPostgresStore } from "../src/store/postgres/open.ts";
import { chunk, item, jobSpec, leaseMs, planOf } from "../test/conformance/store-player.ts";
import { onDatabase, type PostgresServer, startPostgres } from "../test/testbed/postgres.ts";
import { type ComparisonResult, median, type SideResult } from "./comparison.ts";
import { empty } from "./sides.ts";

const jobId = "bench";
const processes = 2;
const connectionsEach = 4;
const batch = 32;
const smallRows = 10_000;
const secondsMax = 15;
/** Rows of one statement: a page of the plan, or of what many workers end within some seconds. */
const pageRows = 50_000;

export interface QueueSetting {
  readonly scratch: string;
  readonly pairs: number;
  readonly scale: number;
}

/** `ratio` is the time of a task on the large table by that on the small one. */
export async function queueComparison({ scratch, pairs, scale }: QueueSetting): Promise<ComparisonResult> {
  const dir = join(scratch, "store");
  empty(dir);
  const postgres = await startPostgres({ dir });
  try {
    const rows = Math.round(15_000_000 * scale);
    const large = await filled(postgres, "large", rows);
    await using held = await holdTransaction(large);
    await complete(large, Math.round(rows * (2 / 3)));
    const restart = await restartOn(large);
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let pair = 0; pair < pairs; pair += 1) {
      const small = await filled(postgres, `small_${pair}`, smallRows);
      theirs.push(await rateOn(small));
      ours.push(await rateOn(large));
      console.error(
        `queue ${pair + 1}/${pairs}: ${Math.round(theirs.at(-1) ?? 0)} tasks/s, ${Math.round(ours.at(-1) ?? 0)} with ${rows} rows`,
      );
    }
    await held.assertOpen();
    const ratios = ours.map((rate, pair) => must(theirs[pair], "a pair") / rate);
    return {
      name: `claim + end of a task, ${rows} rows against 10,000`,
      ours: sideOf(`${rows} rows`, ours, restart),
      theirs: sideOf("few rows", theirs, {}),
      ratio: median(ratios),
      ratioMax: 1.25,
    };
  } finally {
    await postgres.stop();
  }
}

/** A job whose plan is done: its first row by the Store itself, the others copied from it. */
async function filled(postgres: PostgresServer, name: string, rows: number): Promise<string> {
  const url = await postgres.database(name);
  await using store = await openPostgresStore({ url, connectionsMax: 1, newJobId: () => jobId });
  await store.createJob(jobSpec());
  const lead = await store.lead(jobId, "bench");
  await store.addPlan(lead, planOf([chunk("pack", [item("f/0", 1_000)])]));
  await store.setStatus(lead, "running", null);
  await onDatabase(url, async (client) => {
    const { rows: columns } = await client.query<{ names: string }>(
      "select string_agg(column_name, ', ' order by ordinal_position) as names from information_schema.columns where table_name = 'chunks' and column_name <> 'id'",
    );
    const names = must(columns[0], "columns").names;
    for (let at = 1; at < rows; at += pageRows) {
      const count = Math.min(pageRows, rows - at);
      await client.query(
        `with template as (select * from chunks order by id limit 1),
          added as (insert into chunks (${names}) select ${names} from template, generate_series(1, ${count}) returning id)
          insert into blobs (chunk_id, part, data)
          select added.id, blobs.part, blobs.data from added, template join blobs on blobs.chunk_id = template.id`,
      );
    }
    const more = rows - 1;
    await client.query("insert into inbox (job_id, delta, open_rows) values ($1, $2, $3)", [
      jobId,
      JSON.stringify({ chunksTotal: more, listedEntries: more, listedBytes: more * 1_000 }),
      JSON.stringify([more]),
    ]);
  });
  await store.checkpoint(lead);
  return url;
}

/** What the tasks of a row change, for many rows at once: each change leaves an old version behind. */
async function complete(url: string, rows: number): Promise<void> {
  const lease =
    "state = 'in_progress', worker = 'bench', epoch = epoch + 1, leased_at = queued_at, expires_at = queued_at + 30000";
  const free = "worker = null, leased_at = null, expires_at = null, queued_at = queued_at + 1";
  const steps = [
    lease,
    `state = 'pending', stage = 'verify', rank = 3, ${free}`,
    lease,
    `state = 'pending', stage = 'publish', rank = 0, ${free}`,
    lease,
    `state = 'verified', stage = 'done', rank = 9, ${free}`,
  ];
  await using store = await openPostgresStore({ url, connectionsMax: 1, newJobId: () => jobId });
  await onDatabase(url, async (client) => {
    const { rows: ids } = await client.query<{ low: string }>("select min(id) as low from chunks");
    const low = Number(must(ids[0], "rows").low);
    for (let at = 0; at < rows; at += pageRows) {
      const range = `id >= ${low + at} and id < ${low + Math.min(rows, at + pageRows)}`;
      for (const step of steps) await client.query(`update chunks set ${step} where ${range}`);
      await client.query(
        `insert into attempts (job_id, chunk_id, stage, worker, epoch, started_at, ended_at, why)
          select job_id, id, stage, 'bench', epoch, queued_at, queued_at, 'done' from chunks, generate_series(1, 3) where ${range}`,
      );
      await client.query(
        `insert into verdicts (job_id, chunk_id, path, stage, result, source_digest, target_digest, bad, writer, reader, read_from, at)
          select job_id, id, null, 'verify', 'match', repeat('ab', 32), repeat('ab', 32), '[]', 'bench', 'bench', 'medium', queued_at from chunks where ${range}`,
      );
      if (at % 1_000_000 === 0) {
        // As workers do all the time: so the queue's beginning moves on with the work.
        for (const task of await store.claim(jobId, "bench:0/lane-0", 1, leaseMs)) await store.release(task.lease, {});
        console.error(`queue: ${at} of ${rows} completed`);
      }
    }
    await client.query("insert into inbox (job_id, delta, open_rows) values ($1, $2, $3)", [
      jobId,
      JSON.stringify({ chunksDone: rows }),
      JSON.stringify([-rows]),
    ]);
  });
}

interface HeldTransaction extends AsyncDisposable {
  assertOpen(): Promise<void>;
}

/** Sees everything as it was: until it ends, no old version of a row can be removed. */
async function holdTransaction(url: string): Promise<HeldTransaction> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("begin isolation level repeatable read; select count(*) from jobs");
  return {
    assertOpen: async () => void (await client.query("select count(*) from jobs")),
    [Symbol.asyncDispose]: () => client.end(),
  };
}

async function rateOn(url: string): Promise<number> {
  const args = [url, jobId, String(connectionsEach), String(batch), String(secondsMax)];
  const rates = await Promise.all(Array.from({ length: processes }, () => rateOfProcess(args)));
  return rates.reduce((sum, rate) => sum + rate, 0);
}

async function rateOfProcess(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "queue-worker.ts"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`a worker ended with ${String(code)}`);
  const { tasks, seconds } = JSON.parse(said) as { tasks: number; seconds: number };
  return tasks / seconds;
}

/** A leader that knows nothing yet takes the lead, folds what waits, and claims. How long, and what it read of the rows. */
async function restartOn(url: string): Promise<Readonly<Record<string, number>>> {
  const before = await readsOf(url);
  const startedMs = performance.now();
  {
    await using store = await openPostgresStore({ url, connectionsMax: 1, newJobId: () => jobId });
    const lead = await store.lead(jobId, "bench-restarted", { workers: "fleet" });
    await store.checkpoint(lead);
    const [task] = await store.claim(jobId, "bench:restarted/lane-0", 1, leaseMs);
    await store.release(must(task, "something can be claimed").lease, {});
    await store.resign(lead);
  }
  const restartSeconds = (performance.now() - startedMs) / 1_000;
  const after = await readsOf(url);
  const facts = {
    restartSeconds,
    restartScans: after.scans - before.scans,
    restartIndexEntries: after.entries - before.entries,
  };
  console.error(`queue: restarted ${JSON.stringify(facts)}`);
  return facts;
}

/** Of the table of rows, by everybody so far. A session tells what it did when it ends. */
async function readsOf(url: string): Promise<{ readonly scans: number; readonly entries: number }> {
  let [scans, entries] = [0, 0];
  await onDatabase(url, async (client) => {
    const { rows } = await client.query<{ scans: string; entries: string }>(
      "select seq_scan as scans, idx_tup_fetch as entries from pg_stat_user_tables where relname = 'chunks'",
    );
    [scans, entries] = [Number(must(rows[0], "a table").scans), Number(must(rows[0], "a table").entries)];
  });
  return { scans, entries };
}

function sideOf(name: string, rates: readonly number[], more: Readonly<Record<string, number>>): SideResult {
  const wallMs = rates.map((rate) => 1_000 / rate);
  const facts = { tasksPerSecond: Math.round(median(rates)), ...more };
  return { name, wallMs, wallMsMedian: median(wallMs), cpuMsMedian: 0, peakBytesMax: 0, facts };
}
