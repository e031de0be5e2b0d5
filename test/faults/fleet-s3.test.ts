/**
 * A worker of a fleet that is stopped while it makes objects. Its requests arrive when others have made those objects:
 * the store refuses them, or they have no effect, and the objects are what they were. Invariant 4.
 */
import { expect, test } from "vitest";
import { openFleet } from "../testbed/fleet.ts";
import { rclone } from "../testbed/rclone.ts";
import { awsEnv } from "../testbed/servers.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres, describeOnServers } from "../testbed/suites.ts";
import { newS3Place } from "./s3-place.ts";

const late = [
  { operation: "PutObject", key: "copy/many/small 1.dat" },
  { operation: "CompleteMultipartUpload", key: "copy/large-0.bin" },
] as const;
/**
 * The name is taken; the upload is no more. s3s-fs forbids what it does not know; moto gives the answer of the first
 * completion again and changes nothing.
 */
const answers = { s3s: [412, 403], moto: [412, 200] } as const;

describeOnServers(
  "a fleet that writes to S3",
  (s3) => {
    describeOnPostgres("on", (postgres) => {
      test("what a stopped worker had sent arrives after the job has ended", async () => {
        const place = await newS3Place(s3);
        const { proxy, source, target } = place;
        const rules = late.map((write) => proxy.fail({ ...write, fault: { kind: "stall", forwarded: false }, nth: 1 }));
        await using fleet = await openFleet(await postgres.database(), awsEnv(proxy));
        fleet.coordinator();
        const stopped = fleet.worker(2);
        const job = await fleet.submit(source, target, { typed: { chunkSize: "8MiB" } });
        await Promise.all(rules.map(({ fired }) => fired));
        stopped.signal("SIGSTOP");
        const requests = late.map((write) => proxy.find(write)[0]);
        fleet.worker(2);
        await fleet.until(job, "complete", 120_000);
        const expectEqual = (): Promise<unknown> =>
          rclone(["check", "--download", `${source}/`, `store:${place.bucket}/copy/`], {
            remotes: { store: s3.server() },
          });
        await expectEqual();
        for (const rule of rules) rule.release();
        await until(
          () => requests.every((request) => request?.done === true),
          () => "the late requests are not answered",
        );
        expect(requests.map((request) => request?.serverStatus)).toEqual(answers[s3.name]);
        await expectEqual();
        stopped.signal("SIGCONT");
        const end = await stopped.end();
        expect(end.exitCode, end.stderr).toBe(0);
        await expectEqual();
      });
    });
  },
  { tools: ["rclone"] },
);
