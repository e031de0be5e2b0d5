/** `godwit serve` without a store: one process that takes jobs over HTTP, leads them and works on them. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { startGodwit } from "../testbed/program.ts";
import { startServe } from "../testbed/serve.ts";
import { until } from "../testbed/server-process.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";

test("a job that is handed over by HTTP is copied and proven; the token is told once; SIGTERM ends it", async () => {
  const state = tempDir("state");
  const [source, target] = [tempDir("source"), tempDir("target")];
  makeTree(source, "serve", { large: [20_000_000], small: 50, links: true });
  const first = await startServe(state);
  await until(
    () => first.said().includes("\n") && first.log().includes("worker started"),
    () => `it does not begin: ${first.log()}`,
  );
  const token = first.token();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const ask = async (path: string, more: RequestInit = {}): Promise<Record<string, unknown>> => {
    const answer = await fetch(new URL(path, first.address), { headers, ...more });
    const body = (await answer.json()) as Record<string, unknown>;
    expect(answer.ok, JSON.stringify(body)).toBe(true);
    return body;
  };
  const body = JSON.stringify({ source_path: source, target_path: join(target, "copy") });
  const { job_id: id } = await ask("/migrations", { method: "POST", body });
  await until(
    async () => (await ask(`/migrations/${String(id)}`))["status"] === "complete",
    () => "the job does not end",
  );
  expect(await ask(`/migrations/${String(id)}/report`)).toMatchObject({ overall_status: "pass", chunks_failed: 0 });
  expect(fingerprint(join(target, "copy"))).toEqual(fingerprint(source));
  expect((await fetch(new URL("/migrations", first.address))).status).toBe(401);
  expect((await first.end()).exitCode).toBe(0);
  const second = await startServe(state);
  expect(await second.end()).toMatchObject({ exitCode: 0, stdout: "" });
});

test.for([
  [["--listen", "0.0.0.0:0"], "listen_refused"],
  [["--listen", "nowhere"], "usage"],
  [["--tls-cert", "/nothing.pem"], "usage"],
  [["--store", "mysql://x"], "usage"],
] as const)("%s is refused with %s", async ([args, code]) => {
  const { exitCode, stderr } = await startGodwit(["serve", ...args], { state: tempDir("state") }).end;
  expect([exitCode, stderr.includes(`godwit: ${code}`)], stderr).toEqual([2, true]);
});
