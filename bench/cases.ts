/** What is compared, and the bound that each ratio must keep. */
import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { openFleet } from "../test/testbed/fleet.ts";
import { startPostgres } from "../test/testbed/postgres.ts";
import { startS3Server, type S3Server } from "../test/testbed/servers.ts";
import { drawBackOff } from "./back-off.ts";
import { capComparison } from "./cap.ts";
import type { Comparison, Side } from "./comparison.ts";
import { postgresCopy, postgresMemory } from "./databases.ts";
import type { Step } from "./measure.ts";
import { queueComparison } from "./queue.ts";
import { all, type Case, chosen, type Places, places, type Setting } from "./setting.ts";
import { bytesBeneath, empty, godwit, godwitIsBuilt, rclone, rcloneProven, syncDisks, touchMemory } from "./sides.ts";
import { measureRows } from "./rows.ts";
import { makeTree, type TreeShape } from "./trees.ts";

const mib = 1024 * 1024;
const fewLarge = (name: string, totalMib: number, scale: number): TreeShape => {
  const bytes = Math.round((totalMib / 6) * mib * scale);
  return { name: `${name}-${scale}`, files: 6, bytesMin: bytes, bytesMax: bytes, filesPerFolder: 6 };
};
const manySmall = (name: string, count: number, kbMax: number, scale: number): TreeShape => ({
  name: `${name}-${scale}`,
  files: Math.max(1, Math.round(count * scale)),
  bytesMin: kbMax === 0 ? 1 : 1000,
  bytesMax: kbMax === 0 ? 1000 : kbMax * 1000,
  filesPerFolder: 1000,
});

/** Reads the source once, so that both sides find it in the page cache. */
function warm(source: string): void {
  execFileSync("bash", ["-c", 'find "$1" -type f -print0 | xargs -0 cat > /dev/null', "warm", source]);
}

function diskSide(name: string, { source, target, state }: Places, steps: readonly Step[]): Side {
  return {
    name,
    prepare: async () => {
      empty(target, state);
      warm(source);
      execFileSync("sync");
      touchMemory(bytesBeneath(source), `${target}.memory`);
    },
    steps,
  };
}

/** Disk to disk, in both durabilities. */
function diskComparisons(
  setting: Setting,
  name: string,
  source: string,
  bounds: readonly [number, number],
): Comparison[] {
  const where = places(setting, source);
  const { target, state } = where;
  const copy = (durability: string): Step =>
    godwit(["copy", source, target, "--state", state, "--durability", durability, "--json"]);
  const proven = rcloneProven(source, target);
  return [
    {
      name: `${name}, no fsync`,
      ratioMax: bounds[0],
      ...chosen(
        setting,
        diskSide("godwit --durability none", where, [copy("none")]),
        diskSide("rclone copy + check --download", where, proven),
      ),
    },
    {
      name: `${name}, fsync`,
      ratioMax: bounds[1],
      ...chosen(
        setting,
        diskSide("godwit --durability fsync", where, [copy("fsync")]),
        diskSide("rclone copy + check --download + sync", where, [...proven, syncDisks]),
      ),
    },
  ];
}

const large: Case = (setting) => {
  const source = makeTree(setting.scratch, fewLarge("large", 3072, setting.scale));
  return all(setting, diskComparisons(setting, "3 GiB in 6 files", source, [0.4, 0.75]));
};

const small: Case = (setting) => {
  const source = makeTree(setting.scratch, manySmall("small", 50_000, 8, setting.scale));
  return all(setting, diskComparisons(setting, "50,000 files of 1 to 8 KB", source, [0.5, 2.5]));
};

const s3: Case = async (setting) => {
  const source = join(setting.scratch, "source", "s3");
  makeTree(source, fewLarge("large", 2048, setting.scale));
  makeTree(source, manySmall("small", 5000, 8, setting.scale));
  const { state } = places(setting, source);
  const dir = join(setting.scratch, "store");
  // A port that stays, since the commands name it.
  empty(dir);
  let server: S3Server = await startS3Server("s3s", { dir });
  const { port } = server;
  const prepare = async (): Promise<void> => {
    await server.stop();
    empty(dir, state);
    server = await startS3Server("s3s", { dir, port });
    await server.bucket("bench");
    warm(source);
  };
  const flags = ["--s3-path-style", "--state", state, "--json"];
  const ours = godwit(["copy", source, "s3://bench/tree", ...flags], server.env());
  const theirs = rcloneProven(source, "store:bench/tree/", { store: server });
  try {
    return await all(setting, [
      {
        name: "2 GiB in 6 files and 5,000 small ones to s3s-fs",
        ratioMax: 0.8,
        ...chosen(
          setting,
          { name: "godwit", prepare, steps: [ours] },
          { name: "rclone copy + check --download", prepare, steps: theirs },
        ),
      },
    ]);
  } finally {
    await server.stop();
  }
};

/** The same copy through `serve` and two workers, which run already, and in one process. */
const fleet: Case = async (setting) => {
  const source = makeTree(setting.scratch, fewLarge("large", 3072, setting.scale));
  const where = places(setting, source);
  const { target, state } = where;
  const dir = join(setting.scratch, "store");
  empty(dir);
  const postgres = await startPostgres({ dir });
  const running = await openFleet(await postgres.database("bench"));
  try {
    running.coordinator();
    for (let at = 0; at < 2; at += 1) running.worker(2);
    const client: Step = {
      command: process.execPath,
      args: [join(import.meta.dirname, "fleet-client.ts"), running.url, source, target, "fsync"],
    };
    const embedded = godwit(["copy", source, target, "--state", state, "--json"]);
    return await all(setting, [
      {
        name: "3 GiB through serve and 2 workers, against one process",
        ratioMax: 1.3,
        ours: diskSide("godwit serve + 2 workers", where, [client]),
        theirs: diskSide("godwit copy", where, [embedded]),
        pairs: setting.pairs,
      },
    ]);
  } finally {
    await running[Symbol.asyncDispose]();
    await postgres.stop();
  }
};

const queue: Case = async (setting) => [await queueComparison(setting)];

const cap: Case = (setting) => capComparison(setting);

/** Once each: what counts is memory and state, and that neither grows with the tree. */
function memoryComparison(setting: Setting, name: string, count: number): Comparison {
  const source = makeTree(setting.scratch, manySmall(`memory-${count}`, count, 0, setting.scale));
  const where = places(setting, source);
  const { target, state } = where;
  const copy = godwit(["copy", source, target, "--state", state, "--durability", "none", "--json"]);
  const facts = () => ({ stateBytesPerFile: bytesBeneath(state) / Math.round(count * setting.scale) });
  return {
    name,
    ratioMax: null,
    // No bound compares this with rclone, whose copy and check of a million files take half an hour.
    ours: godwitIsBuilt() && setting.only !== "peer" ? { ...diskSide("godwit", where, [copy]), facts } : null,
    theirs: null,
    pairs: 1,
  };
}

/** The target is filled once by `cp`, times included, so that neither side profits from its own traces. */
function unchangedComparison(setting: Setting, name: string, count: number): Comparison {
  const source = makeTree(setting.scratch, manySmall(`memory-${count}`, count, 0, setting.scale));
  const { target, state } = places(setting, source);
  const prepare = async (): Promise<void> => empty(state);
  return {
    name,
    ratioMax: 0.8,
    ...chosen(
      setting,
      { name: "godwit sync", prepare, steps: [godwit(["sync", source, target, "--state", state, "--json"])] },
      { name: "rclone sync", prepare, steps: [rclone(["sync", source, target])] },
    ),
  };
}

const million: Case = async (setting) => {
  const copies = await all(setting, [
    memoryComparison(setting, "100,000 small files", 100_000),
    memoryComparison(setting, "1,000,000 small files", 1_000_000),
  ]);
  const unchanged = unchangedComparison(setting, "sync of 1,000,000 unchanged files", 1_000_000);
  const { source, target } = places(setting, join(setting.scratch, "source", `memory-1000000-${setting.scale}`));
  empty(target);
  execFileSync("cp", ["-a", `${source}/.`, target]);
  return [...copies, ...(await all(setting, [unchanged]))];
};

/** What the machine can do at best: copy, and hash both sides on all cores. */
const limit: Case = (setting) => {
  const sources = [
    ["3 GiB in 6 files", makeTree(setting.scratch, fewLarge("large", 3072, setting.scale))],
    ["50,000 files of 1 to 8 KB", makeTree(setting.scratch, manySmall("small", 50_000, 8, setting.scale))],
  ] as const;
  return all(
    setting,
    sources.map(([name, source]) => limitComparison(setting, name, source)),
  );
};

function limitComparison(setting: Setting, name: string, source: string): Comparison {
  const where = places(setting, source);
  const hash = (folder: string): Step => ({
    command: "bash",
    args: [
      "-c",
      'find "$1" -type f -print0 | xargs -0 -n "$3" -P "$2" openssl dgst -sha256 > /dev/null',
      "hash",
      folder,
      String(availableParallelism()),
      name.startsWith("3 GiB") ? "1" : "500",
    ],
  });
  const copy: Step = { command: "cp", args: ["-r", `${source}/.`, where.target] };
  const side = diskSide("cp + 2 x openssl dgst -sha256", where, [copy, hash(source), hash(where.target)]);
  return { name: `limit: ${name}`, ours: null, theirs: side, ratioMax: null, pairs: setting.pairs };
}

export const cases: Readonly<Record<string, Case>> = {
  large,
  small,
  s3,
  million,
  postgres: postgresCopy,
  "postgres-memory": postgresMemory,
  fleet,
  queue,
  cap,
  limit,
};

/** They compare nothing: each makes a picture of a documentation page. They run only when they are named. */
export const studies: Readonly<Record<string, (setting: Setting) => Promise<void>>> = {
  "back-off": drawBackOff,
  rows: measureRows,
};
