/**
 * `npm test`: every stage in order, fast ones first, stopping at the first that fails. `npm test -- unit conformance`
 * runs only those. The last line is always `N passed, N failed, N skipped`, counted over vitest's own reports.
 * With GODWIT_REQUIRE_SERVERS=1 a skipped test is a failure and is named.
 */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const bin = join(root, "node_modules", ".bin");

interface Stage {
  readonly name: string;
  /** A command of package.json's scripts, or a vitest project. */
  readonly kind: "script" | "vitest";
  readonly files?: string;
  /** Runs whole processes or worker threads, hence needs `dist/`. */
  readonly needsBuild?: boolean;
}

const stages: readonly Stage[] = [
  { name: "format:check", kind: "script" },
  { name: "lint", kind: "script" },
  { name: "typecheck", kind: "script" },
  { name: "knip", kind: "script" },
  { name: "build", kind: "script" },
  { name: "unit", kind: "vitest", files: "src/**/*.test.ts" },
  { name: "repository", kind: "vitest", files: "test/repository/**/*.test.ts", needsBuild: true },
  { name: "simulation", kind: "vitest", files: "test/simulation/**/*.test.ts" },
  { name: "testbed", kind: "vitest", files: "test/testbed/**/*.test.ts" },
  { name: "conformance", kind: "vitest", files: "test/conformance/**/*.test.ts" },
  { name: "integration", kind: "vitest", files: "test/integration/**/*.test.ts", needsBuild: true },
  { name: "faults", kind: "vitest", files: "test/faults/**/*.test.ts", needsBuild: true },
  { name: "e2e", kind: "vitest", files: "test/e2e/**/*.test.ts", needsBuild: true },
];

interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

function run(command: string, args: readonly string[]): boolean {
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: { ...process.env, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
  });
  if (result.error !== undefined) console.error(`${command}: ${result.error.message}`);
  return result.status === 0;
}

function runScript(stage: Stage): Outcome {
  const ok = run("npm", ["run", "--silent", stage.name]);
  return { passed: 0, failed: ok ? 0 : 1, skipped: [] };
}

function runVitest(stage: Stage, reportDirectory: string): Outcome {
  const report = join(reportDirectory, `${stage.name}.json`);
  const ok = run(process.execPath, [
    join(root, "node_modules", "vitest", "vitest.mjs"),
    "run",
    `--project=${stage.name}`,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ]);
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: [] };
  return count(JSON.parse(readFileSync(report, "utf8")) as VitestReport, ok);
}

/** A file that could not be loaded has no tests to count: it is one failure. So is an error outside every test. */
function count(report: VitestReport, ok: boolean): Outcome {
  const tests = report.testResults.flatMap((file) => file.assertionResults);
  const passed = tests.filter((test) => test.status === "passed").length;
  const failedTests = tests.filter((test) => test.status === "failed").length;
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = failedTests + brokenFiles;
  const skipped = tests.filter((test) => test.status !== "passed" && test.status !== "failed");
  return { passed, failed: failed === 0 && !ok ? 1 : failed, skipped: skipped.map((test) => test.fullName.trim()) };
}

function chooseStages(names: readonly string[]): readonly Stage[] {
  const unknown = names.filter((name) => !stages.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    console.error(
      `unknown stage: ${unknown.join(", ")}. The stages are: ${stages.map((stage) => stage.name).join(", ")}`,
    );
    process.exit(2);
  }
  if (names.length === 0) return stages;
  const chosen = stages.filter((stage) => names.includes(stage.name));
  const build = stages.filter((stage) => stage.name === "build" && chosen.some((other) => other.needsBuild === true));
  return [...new Set([...build, ...chosen])];
}

function hasFiles(stage: Stage): boolean {
  return stage.files === undefined || globSync(stage.files, { cwd: root }).length > 0;
}

function runStage(stage: Stage, reportDirectory: string): Outcome {
  console.log(`\n=== ${stage.name}`);
  return stage.kind === "script" ? runScript(stage) : runVitest(stage, reportDirectory);
}

function runAll(chosen: readonly Stage[]): Outcome {
  const reportDirectory = mkdtempSync(join(tmpdir(), "godwit-report-"));
  let total: Outcome = { passed: 0, failed: 0, skipped: [] };
  try {
    for (const stage of chosen.filter(hasFiles)) {
      const outcome = runStage(stage, reportDirectory);
      total = {
        passed: total.passed + outcome.passed,
        failed: total.failed + outcome.failed,
        skipped: [...total.skipped, ...outcome.skipped],
      };
      if (outcome.failed > 0) {
        console.error(`\nstage ${stage.name} failed; later stages were not run`);
        break;
      }
    }
  } finally {
    rmSync(reportDirectory, { recursive: true, force: true });
  }
  return total;
}

function conclude(chosen: readonly Stage[], total: Outcome): number {
  const required = process.env["GODWIT_REQUIRE_SERVERS"] === "1";
  if (total.skipped.length > 0) {
    console.log(`\n${required ? "skipped, which counts as failed here" : "skipped"}:`);
    for (const name of total.skipped) console.log(`  ${name}`);
  }
  const ranTests = total.passed + total.failed > 0;
  const expectsTests = chosen.some((stage) => stage.kind === "vitest");
  if (!ranTests && expectsTests) console.error("\nno test was run");
  const failed = total.failed + (required ? total.skipped.length : 0);
  const skipped = required ? 0 : total.skipped.length;
  console.log(`\n${total.passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed > 0 || (!ranTests && expectsTests) ? 1 : 0;
}

const chosen = chooseStages(process.argv.slice(2));
process.exitCode = conclude(chosen, runAll(chosen));
