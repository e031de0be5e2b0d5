/**
 * The cap of a source while workers and the leader die. Invariant 6: what the fleet reads never exceeds it, since a
 * share outlives whoever had it until nobody can be using it. A rate is measured from outside, on a machine that does
 * other things too: what is asserted is less than what a share given twice would show.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { usualTerms } from "../../src/model/job.ts";
import { mostInASecond, startCutProxy } from "../testbed/cut-proxy.ts";
import { openFleet } from "../testbed/fleet.ts";
import { awsEnv } from "../testbed/servers.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres, describeOnServers } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, seededBytes } from "../testbed/trees.ts";

const MB = 1_000_000;
const cap = 12 * MB;
const bytesInAll = 15 * cap;
const files = 90;

describeOnServers(
  "the cap of a source",
  (s3) => {
    describeOnPostgres("on", (postgres) => {
      test("is kept by four workers of which one is killed, and by a leader that follows a killed one", async () => {
        const bucket = await s3.bucket();
        const tree = join(s3.server().dataDir ?? "", bucket, "tree");
        mkdirSync(tree);
        for (let at = 0; at < files; at += 1)
          writeFileSync(join(tree, `file-${at}`), seededBytes(`cap ${at}`, bytesInAll / files));
        const endpoint = new URL(s3.server().endpoint);
        await using proxy = await startCutProxy(Number(endpoint.port));
        const env = awsEnv({ ...s3.server(), endpoint: `http://127.0.0.1:${proxy.port}` });
        await using fleet = await openFleet(await postgres.database(), env);
        const target = tempDir("target");
        const leader = fleet.coordinator();
        const workers = Array.from({ length: 4 }, () => fleet.worker(1));
        const terms = { ...usualTerms, limitBytesPerSecond: cap };
        const typed = { chunkSize: "4MiB", durability: "none" };
        const job = await fleet.submit(`s3://${bucket}/tree`, target, { typed, terms });
        const served = (): number => proxy.served.reduce((sum, { bytes }) => sum + bytes, 0);
        await until(
          async () => served() > cap,
          () => "nothing is read",
          60_000,
        );
        workers[0]?.signal("SIGKILL");
        leader.signal("SIGKILL");
        fleet.coordinator();
        await fleet.until(job, "complete", 180_000);
        expect(mostInASecond(proxy.served) / cap).toBeLessThan(1.5);
        expect([...fingerprint(target).keys()]).toHaveLength(files + 1);
        // A share that was given twice would have been read in half of the time.
        const [first, last] = [proxy.served[0], proxy.served.at(-1)];
        const seconds = ((last?.atMs ?? 0) - (first?.atMs ?? 0)) / 1_000;
        expect(served() / seconds / cap).toBeLessThan(1.05);
      });
    });
  },
  { servers: ["s3s"] },
);
