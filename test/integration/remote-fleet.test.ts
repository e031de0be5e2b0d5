/** Commands on a fleet: two coordinators on one PostgreSQL, and a worker that neither of them is. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import * as shape from "../../src/cli/json-shapes.ts";
import { godwit, type ProgramEnd, startGodwit } from "../testbed/program.ts";
import { type Served, startServe } from "../testbed/serve.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

function worker(store: string): void {
  const running = startGodwit(["worker", "--store", store, "--lanes", "2"], { state: tempDir("worker") });
  onTestFinished(async () => {
    running.child.kill("SIGKILL");
    await running.end;
  });
}

function coordinator(store: string, ...more: readonly string[]): Promise<Served> {
  return startServe(tempDir("coordinator"), { args: ["--store", store, "--without-tokens", ...more] });
}

function on({ address }: Served, ...args: readonly string[]): Promise<ProgramEnd> {
  return godwit([...args, "--server", address], { state: tempDir("client") });
}

async function keyIds(served: Served): Promise<readonly string[]> {
  const { stdout } = await on(served, "keys", "show", "--json");
  return shape.keysShape.parse(JSON.parse(stdout)).keys.map((key) => key.key_id);
}

describeOnPostgres("commands on a fleet", (postgres) => {
  let source = "";
  beforeAll(() => {
    source = tempDir("fleet-source");
    makeTree(source, "remote fleet", { large: [6_000_000, 6_000_000], small: 100, links: true });
  });

  test("a coordinator dies while a command follows its job: the other one tells on, and names both keys", async () => {
    const store = await postgres.database();
    const [one, two] = [await coordinator(store), await coordinator(store)];
    worker(store);
    const target = join(tempDir("target"), "copy");
    const args = ["copy", source, target, "--limit", "1MB/s", "--chunk-size", "1MiB"];
    const first = startGodwit([...args, "--server", one.address], { state: tempDir("client") });
    onTestFinished(() => void first.child.kill("SIGKILL"));
    let said = "";
    first.child.stderr?.on("data", (text: string) => (said += text));
    await until(
      async () => (await on(two, "jobs")).stdout.includes("running"),
      () => `the job does not begin: ${said}`,
    );
    const id = shape.jobsShape.parse(JSON.parse((await on(two, "jobs", "--json")).stdout)).jobs[0]?.job_id ?? "";
    const early = join(tempDir("early"), "report.json");
    expect((await on(one, "report", id, "--output", early)).stdout).toContain("in_progress");
    await one.end("SIGKILL");
    await until(
      () => said.includes("trying again"),
      () => `the loss was not noticed: ${said}`,
    );
    first.child.kill("SIGINT");
    expect((await first.end).exitCode).toBe(3);

    const report = join(tempDir("report"), "report.json");
    const followed = await on(two, ...args, "--report", report);
    expect(followed.exitCode, followed.stderr).toBe(0);
    expect(followed.stderr).toContain(`following ${id}`);
    expect(fingerprint(target)).toEqual(fingerprint(source));
    // Each signs with its own key; the one that lives names both.
    expect(await keyIds(two)).toHaveLength(2);
    for (const [file, status] of [
      [early, "in_progress"],
      [report, "pass"],
    ] as const) {
      const { signature } = JSON.parse(readFileSync(file, "utf8")) as { signature: { key_id: string } };
      const key = join(tempDir("key"), "key.pem");
      expect((await on(two, "keys", "export", signature.key_id, "--output", key)).exitCode).toBe(0);
      const { stdout } = await godwit(["report", "verify", file, "--key", key, "--json"], { state: tempDir("client") });
      expect(JSON.parse(stdout)).toMatchObject({ signer: "known", overall_status: status, job_id: id });
    }
  });

  test("coordinators that share a key sign the same report with the same bytes", async () => {
    const store = await postgres.database();
    const pem = join(tempDir("key"), "fleet.pem");
    execFileSync("openssl", ["genpkey", "-algorithm", "ed25519", "-out", pem], { stdio: "pipe" });
    execFileSync("chmod", ["600", pem]);
    const [one, two] = [await coordinator(store, "--signing-key", pem), await coordinator(store, "--signing-key", pem)];
    worker(store);
    const target = join(tempDir("target"), "copy");
    const copied = await on(one, "copy", source, target, "--json");
    const { job_id: id, exit_code: code } = shape.jobShape.parse(JSON.parse(copied.stdout));
    expect(code).toBe(0);
    const [a, b] = [await on(one, "report", id), await on(two, "report", id)];
    expect(a.exitCode, a.stderr).toBe(0);
    expect(b.stdout).toBe(a.stdout);
    expect(await keyIds(two)).toHaveLength(1);
    execFileSync("chmod", ["644", pem]);
    const refused = await on(two, "report", id);
    expect([refused.exitCode, refused.stdout]).toEqual([4, ""]);
    const end = await godwit(["serve", "--listen", "127.0.0.1:0", "--signing-key", pem], { state: tempDir("other") });
    expect([end.exitCode, end.stderr.includes("godwit: key_invalid")], end.stderr).toEqual([2, true]);
  });
});
