/** Whole databases, from one real PostgreSQL server to another one on the same machine. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { must } from "../src/base/assert.ts";
import { onDatabase, type PostgresServer, startPostgres } from "../test/testbed/postgres.ts";
import type { ComparisonResult, Side } from "./comparison.ts";
import { contentOf, fillLargeRows, fillMixed, fillSmallRows } from "./database-rows.ts";
import type { Step } from "./measure.ts";
import { all, type Case, chosen, places, type Setting } from "./setting.ts";
import { empty, godwit, touchMemory } from "./sides.ts";

const database = "bench";
const lanes = "2";
const peakBytesMax = 350_000_000;
/** As one sets them for a load; all else as shipped, `fsync` too. */
const settings = { shared_buffers: "1GB", max_wal_size: "4GB" };

interface Pair {
  readonly source: PostgresServer;
  readonly target: PostgresServer;
  /** Of the source's database. */
  readonly bytes: number;
  readonly content: readonly string[];
}

type Fill = (url: string, scale: number) => Promise<void>;

async function onTwoServers<T>(setting: Setting, fill: Fill, work: (pair: Pair) => Promise<T>): Promise<T> {
  const [from, to] = [join(setting.scratch, "store", "source"), join(setting.scratch, "store", "target")];
  empty(from, to);
  await using source = await startPostgres({ dir: from, settings });
  await using target = await startPostgres({ dir: to, settings });
  const url = await source.database(database);
  await fill(url, setting.scale);
  const bytes = await onDatabase(url, async (client) => {
    const { rows } = await client.query<{ bytes: string }>("select pg_database_size(current_database()) as bytes");
    return Number(must(rows[0], "a size").bytes);
  });
  return await work({ source, target, bytes, content: await contentOf(url) });
}

/** Copies into a new database, with nothing left to be written; all that the source holds must be there then. */
function copySide(setting: Setting, pair: Pair, { name, steps }: Pick<Side, "name" | "steps">): Side {
  const { source, target, bytes, content } = pair;
  const { state } = places(setting, "");
  return {
    name,
    steps,
    prepare: async () => {
      empty(state);
      await onDatabase(target.url(), (client) => client.query(`drop database if exists ${database} with (force)`));
      await target.database(database);
      for (const server of [source, target]) await onDatabase(server.url(), (client) => client.query("checkpoint"));
      execFileSync("sync");
      touchMemory(bytes, `${state}.memory`);
    },
    check: async () => {
      const there = new Set(await contentOf(target.url(database)));
      const missing = content.filter((line) => !there.has(line));
      if (missing.length > 0) throw new Error(`${name} left out: ${missing.join("; ")}`);
    },
  };
}

function godwitSide(setting: Setting, pair: Pair): Side {
  const { state } = places(setting, "");
  const [from, to] = [pair.source.url(database), pair.target.url(database)];
  const copy = godwit(["copy", from, to, "--workers", lanes, "--state", state, "--json"]);
  return copySide(setting, pair, { name: "godwit", steps: [copy] });
}

function pgcopydb(setting: Setting, { source, target }: Pair): Step {
  const [from, to] = [source.url(database), target.url(database)];
  const jobs = ["--table-jobs", lanes, "--index-jobs", lanes];
  // It keeps its notes in a folder that it makes.
  const notes = join(places(setting, "").state, "pgcopydb");
  const args = ["clone", "--source", from, "--target", to, ...jobs, "--dir", notes];
  return { command: "pgcopydb", args };
}

function peakResult({ name, ours }: ComparisonResult): readonly ComparisonResult[] {
  if (ours === null) return [];
  const ratio = ours.peakBytesMax / peakBytesMax;
  return [{ name: `${name}: peak of Godwit by 350 MB`, ours: null, theirs: null, ratio, ratioMax: 1 }];
}

export const postgresCopy: Case = (setting) =>
  onTwoServers(setting, fillMixed, async (pair) => {
    const hashes: Step = {
      command: process.execPath,
      args: [join(import.meta.dirname, "hash-tables.ts"), pair.source.url(database), pair.target.url(database), lanes],
    };
    const proven = copySide(setting, pair, {
      name: "pgcopydb clone, then each table hashed on both servers",
      steps: [pgcopydb(setting, pair), hashes],
    });
    const gigabytes = (pair.bytes / 1e9).toFixed(1);
    const results = await all(setting, [
      {
        name: `database of ${gigabytes} GB, against pgcopydb and hashes of both sides`,
        ratioMax: 0.9,
        firstStep: {
          name: `database of ${gigabytes} GB, against pgcopydb without proof`,
          side: "pgcopydb clone",
          ratioMax: 1.3,
        },
        ...chosen(setting, godwitSide(setting, pair), proven),
      },
    ]);
    return [...results, ...results.slice(-1).flatMap(peakResult)];
  });

/** Once each: what counts is memory. pgcopydb stands beside. */
export const postgresMemory: Case = async (setting) => {
  const tables = [
    ["300 rows of 1 MB", fillLargeRows],
    ["5 million small rows", fillSmallRows],
  ] as const;
  const results: ComparisonResult[] = [];
  for (const [name, fill] of tables) {
    const ofTable = await onTwoServers(setting, fill, (pair) => {
      const theirs = copySide(setting, pair, { name: "pgcopydb clone", steps: [pgcopydb(setting, pair)] });
      return all(setting, [
        { name, ratioMax: null, ...chosen({ ...setting, pairs: 1 }, godwitSide(setting, pair), theirs) },
      ]);
    });
    results.push(...ofTable, ...ofTable.flatMap(peakResult));
  }
  return results;
};
