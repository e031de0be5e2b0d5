/** A fleet as Prometheus meets it: real processes, their addresses, their tokens, and what they tell. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { beforeAll, expect, test } from "vitest";
import { selfSigned } from "../testbed/certificate.ts";
import { openFleet } from "../testbed/fleet.ts";
import { godwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres, describeWithTools } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { executables } from "../testbed/tools.ts";
import { makeTree } from "../testbed/trees.ts";

const MiB = 2 ** 20;

/** A sample's value; undefined where there is none. */
function valueIn(text: string, name: string, ...labels: readonly string[]): number | undefined {
  const lines = text.split("\n").filter((line) => new RegExp(`^${name}[ {]`).test(line));
  const line = lines.find((each) => labels.every((label) => each.includes(label)));
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(" ") + 1));
}

async function scrape(address: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const answer = await fetch(`${address}/metrics`, { headers });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  return answer.text();
}

describeWithTools("a scrape", ["promtool"], () => {
  describeOnPostgres("of a fleet", (postgres) => {
    let source = "";
    beforeAll(() => {
      source = tempDir("source");
      makeTree(source, "scrape", { large: [5 * MiB, 3 * MiB], small: 40, links: false });
    });

    test("coordinator and worker tell what became of a job, in names that Prometheus likes", async () => {
      await using fleet = await openFleet(await postgres.database());
      const coordinator = fleet.coordinator();
      const worker = fleet.worker(2, undefined, ["--metrics-listen", "127.0.0.1:0"]);
      const [ofFleet, ofWorker] = [await coordinator.address(), await worker.address()];
      const job = await fleet.submit(source, tempDir("target"), { typed: { chunkSize: "1MiB" } });
      await until(
        async () => valueIn(await scrape(ofFleet), "godwit_job_status", `job_id="${job.id}"`) === 1,
        () => "the job is not told",
      );
      const { counters } = await fleet.until(job, "complete");
      await until(
        async () => valueIn(await scrape(ofFleet), "godwit_jobs", 'status="complete"') === 1,
        () => "its end is not told",
      );
      const [told, own] = [await scrape(ofFleet), await scrape(ofWorker)];
      expect(valueIn(own, "godwit_source_read_bytes_total")).toBe(counters.sourceBytesRead);
      expect(valueIn(own, "godwit_target_read_bytes_total")).toBe(counters.targetBytesRead);
      expect(valueIn(own, "godwit_attempts_total", 'stage="verify"', 'reason="done"')).toBeGreaterThan(2);
      expect(valueIn(own, "godwit_store_connections_opened_total")).toBeGreaterThan(0);
      expect(valueIn(own, "godwit_worker_lanes")).toBe(2);
      expect(valueIn(own, "godwit_read_latency_seconds_count")).toBeGreaterThan(8);
      expect(valueIn(told, "godwit_workers", 'state="alive"')).toBe(1);
      expect(valueIn(told, "godwit_store_call_duration_seconds_count", 'operation="checkpoint"')).toBeGreaterThan(0);
      expect(valueIn(told, "godwit_job_status", `job_id="${job.id}"`), "it is open no more").toBeUndefined();
      for (const text of [told, own]) {
        const checked = spawnSync(executables.promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
        expect([checked.status, checked.stdout + checked.stderr]).toEqual([0, ""]);
      }
      const elsewhere = await fetch(`${ofWorker}/migrations`);
      expect(elsewhere.status, "a worker answers nothing else").toBe(404);
      const foreign = await fetch(`${ofWorker}/metrics`, { headers: { origin: "https://evil.example.org" } });
      expect(foreign.status, "a page from elsewhere gets nothing").toBe(421);
    });

    test("beyond its own machine a worker speaks TLS, and asks for a token of the fleet", async () => {
      const url = await postgres.database();
      await using fleet = await openFleet(url);
      const { certFile, keyFile } = selfSigned(tempDir("tls"));
      const coordinator = fleet.coordinator(url, []);
      let said = "";
      coordinator.running.child.stdout?.on("data", (text: string) => (said += text));
      await until(
        () => said.includes("\n"),
        () => "no token was told",
      );
      const token = /told once: (\S+)/.exec(said)?.[1] ?? "none";
      const more = ["--metrics-listen", "0.0.0.0:0", "--tls-cert", certFile, "--tls-key", keyFile];
      const { port } = new URL(await fleet.worker(1, url, more).address());
      const ask = (authorization: string | null): Promise<number | undefined> =>
        new Promise((resolve, reject) => {
          const headers = authorization === null ? {} : { authorization };
          const options = { host: "localhost", port, path: "/metrics", ca: readFileSync(certFile), headers };
          request(options, (answer) => resolve(answer.resume().statusCode))
            .on("error", reject)
            .end();
        });
      expect(await ask(null)).toBe(401);
      expect(await ask("Bearer godwit_0123456789abcdef_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")).toBe(401);
      expect(await ask(`Bearer ${token}`)).toBe(200);
      const withoutTls = await godwit(["worker", "--store", url, "--metrics-listen", "0.0.0.0:0"], {
        state: tempDir("state"),
      });
      expect([withoutTls.exitCode, withoutTls.stderr.includes("listen_refused")], withoutTls.stderr).toEqual([2, true]);
      const ofServer = await fetch(`${await coordinator.address()}/metrics`);
      expect(ofServer.status).toBe(401);
    });

    test("while the store is down a worker goes on telling, and says so", async () => {
      const server = postgres.server();
      await using fleet = await openFleet(await postgres.database());
      const worker = fleet.worker(1, undefined, ["--metrics-listen", "127.0.0.1:0"]);
      const address = await worker.address();
      const up = async (): Promise<number | undefined> => valueIn(await scrape(address), "godwit_store_up");
      const isUp = (wanted: number) =>
        until(
          async () => (await up()) === wanted,
          () => `it does not become ${wanted}`,
          120_000,
        );
      await isUp(1);
      await server.stop();
      await isUp(0);
      await server.restart();
      await isUp(1);
      expect(valueIn(await scrape(address), "godwit_store_connections_lost_total")).toBeGreaterThan(0);
    });
  });
});
