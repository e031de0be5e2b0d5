/** deploy/prometheus, by Prometheus' own tool. */
import { spawnSync } from "node:child_process";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { describeWithTools } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { executables, repositoryRoot } from "../testbed/tools.ts";

const deployed = join(repositoryRoot, "deploy", "prometheus");

interface Told {
  readonly exitCode: number | null;
  readonly text: string;
}

function promtool(args: readonly string[], cwd = deployed): Told {
  const { status, stdout, stderr } = spawnSync(executables.promtool, args, { cwd, encoding: "utf8" });
  return { exitCode: status, text: `${stdout}${stderr}` };
}

describeWithTools("alert rules", ["promtool"], () => {
  test("the rules are well formed, and so is the scrape", () => {
    const rules = promtool(["check", "rules", "godwit.rules.yml"]);
    expect(rules.exitCode, rules.text).toBe(0);
    const scrape = promtool(["check", "config", "--syntax-only", "prometheus.yml"]);
    expect(scrape.exitCode, scrape.text).toBe(0);
  });

  test("each fires where it should, and keeps quiet where it should", () => {
    const told = promtool(["test", "rules", "godwit.rules.test.yml"]);
    expect(told.exitCode, told.text).toBe(0);
  });

  test("an alert whose threshold is another one is found by its test", () => {
    const copy = join(tempDir("rules"), "prometheus");
    cpSync(deployed, copy, { recursive: true });
    const file = join(copy, "godwit.rules.yml");
    writeFileSync(
      file,
      readFileSync(file, "utf8").replace(
        "godwit_checkpoint_age_seconds) > 60",
        "godwit_checkpoint_age_seconds) > 6000",
      ),
    );
    const told = promtool(["test", "rules", "godwit.rules.test.yml"], copy);
    expect(told.exitCode).not.toBe(0);
    expect(told.text).toContain("GodwitCheckpointOld");
  });
});
