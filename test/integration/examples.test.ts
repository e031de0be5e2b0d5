/** The examples end as they say, each by its one command. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { describeWithTools } from "../testbed/suites.ts";
import { repositoryRoot } from "../testbed/tools.ts";

function run(example: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`examples/${example}/run.ts`], {
    cwd: repositoryRoot,
    encoding: "utf8",
  });
  expect(status, `${stdout}${stderr}`).toBe(0);
  return stdout;
}

describeWithTools("the example", ["postgresql15", "postgresql18"], () => {
  test("PostgreSQL 15 to 18 copies a shop and checks its report", () => {
    const told = run("postgres-15-to-18");
    expect(told).toContain("no problem found");
    expect(told).toContain("complete and proven");
    expect(told).toContain("intact");
  });
});
