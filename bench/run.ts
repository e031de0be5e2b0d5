/**
 * `npm run bench -- [case…] [--dir DIR] [--pairs N] [--scale X] [--only godwit|peer] [--keep]`: runs the cases, writes
 * `bench/results/CASE.json`, and prints the table. Wants a machine that does nothing else meanwhile.
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { versionLine } from "../test/testbed/tools.ts";
import { cases, studies } from "./cases.ts";
import type { ComparisonResult } from "./comparison.ts";
import type { Setting } from "./setting.ts";
import { godwitIsBuilt } from "./sides.ts";
import { asTable } from "./table.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: join(tmpdir(), "godwit-bench") },
    pairs: { type: "string", default: "5" },
    scale: { type: "string", default: "1" },
    only: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});

function readSetting(): Setting {
  const only = values.only ?? null;
  if (only !== null && only !== "godwit" && only !== "peer") throw new Error("--only is godwit or peer");
  return { scratch: values.dir, pairs: Number(values.pairs), scale: Number(values.scale), only };
}

function machine(): Readonly<Record<string, string | number>> {
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
    rclone: versionLine("rclone", ["version"]) ?? "absent",
    pgcopydb: versionLine("pgcopydb") ?? "absent",
    postgres: versionLine("psql") ?? "absent",
    date: new Date().toISOString().slice(0, 10),
  };
}

function save(name: string, setting: Setting, results: readonly ComparisonResult[]): void {
  const folder = join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  const { pairs, scale } = setting;
  const text = JSON.stringify({ machine: machine(), pairs, scale, results }, null, 2);
  writeFileSync(join(folder, `${name}.json`), `${text}\n`);
}

async function main(): Promise<void> {
  const setting = readSetting();
  const names = positionals.length > 0 ? positionals : Object.keys(cases);
  if (!godwitIsBuilt()) console.error("dist/ is not built: only the peer is run");
  mkdirSync(setting.scratch, { recursive: true });
  const results: ComparisonResult[] = [];
  for (const name of names) {
    const study = studies[name];
    if (study !== undefined) {
      await study(setting);
      continue;
    }
    const run = cases[name];
    if (run === undefined)
      throw new Error(`no case ${name}; there are: ${Object.keys({ ...cases, ...studies }).join(", ")}`);
    const ofCase = await run(setting);
    // A trial on smaller trees, or of one side, must not replace the figures.
    if (setting.scale === 1 && setting.only === null && godwitIsBuilt()) save(name, setting, ofCase);
    results.push(...ofCase);
  }
  if (results.length > 0) console.log(asTable(results));
  if (values.keep) return;
  // Only what this program made: the folder itself may be the operator's.
  for (const made of ["source", "target", "state", "store", "old"]) {
    rmSync(join(setting.scratch, made), { recursive: true, force: true });
  }
}

await main();
