/** What stores and networks do on bad days: each ends in a job that is proven. Invariants 1 and 2. */
import { expect, test } from "vitest";
import { slowDown } from "../testbed/s3-fault.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint } from "../testbed/trees.ts";
import { copyBack, expectProven, newS3Place, partsOfLarge, sentParts, startCopy } from "./s3-place.ts";

const writes = ["PutObject", "UploadPart", "CreateMultipartUpload", "CompleteMultipartUpload"] as const;

function files(root: string): readonly string[] {
  return [...fingerprint(root)].filter(([path]) => !path.endsWith("/")).map(([path, text]) => `${path} ${text}`);
}

describeOnServers(
  "a copy to s3",
  (s3) => {
    test("a storm of 503 SlowDown is waited out, and the retries are few", async () => {
      const place = await newS3Place(s3);
      const rules = [...writes, "GetObject", "ListObjectsV2"].map((operation) =>
        place.proxy.fail({ operation, fault: slowDown, nth: 1, times: 4 }),
      );
      const { job } = await expectProven(place, await startCopy(place).end);
      expect(rules.map(({ hits }) => hits > 0)).toEqual(rules.map(() => true));
      const refused = place.proxy.find({ where: ({ fault }) => fault === "status" }).length;
      expect(place.proxy.find({ where: ({ fault }) => fault === null }).length).toBeGreaterThan(refused);
      // Those of lanes that had no task to count them with are not among them.
      expect(job.counters.retries, "each was counted once").toBeLessThanOrEqual(refused);
      const ofTasks = place.proxy.find({
        where: ({ fault, operation }) => fault !== null && !operation.startsWith("List"),
      });
      expect(job.counters.retries).toBeGreaterThanOrEqual(ofTasks.length);
    });

    test("connections that are reset, before and after the store had done the work", async () => {
      const place = await newS3Place(s3);
      for (const isForwarded of [false, true]) {
        for (const operation of ["PutObject", "UploadPart", "CreateMultipartUpload"]) {
          place.proxy.fail({ operation, fault: { kind: "reset", forwarded: isForwarded }, nth: isForwarded ? 2 : 1 });
        }
      }
      await expectProven(place, await startCopy(place).end);
      expect(place.proxy.find({ where: ({ fault }) => fault === "reset" }).length).toBeGreaterThanOrEqual(4);
    });

    test("read-backs that break off are continued where they stopped, of the same version", async () => {
      const place = await newS3Place(s3);
      const rule = place.proxy.fail({
        operation: "GetObject",
        key: place.key,
        // Fewer than the last block has, whichever are read first.
        fault: { kind: "truncate", afterBytes: 1_000_000 },
        nth: 1,
        times: 3,
      });
      await expectProven(place, await startCopy(place).end);
      expect(rule.hits).toBe(3);
      expect(sentParts(place)).toBe(partsOfLarge);
      const continued = place.proxy.find({
        operation: "GetObject",
        key: place.key,
        where: ({ range }) => (range?.[0] ?? 0) % 2 ** 23 !== 0,
      });
      expect(continued.length).toBeGreaterThanOrEqual(3);
      for (const { headers } of continued) expect(headers["if-match"]).toBeDefined();
    });

    test("a source that breaks off is continued too", async () => {
      const place = await newS3Place(s3);
      await expectProven(place, await startCopy(place).end);
      place.proxy.clear();
      place.proxy.fail({ operation: "GetObject", fault: { kind: "truncate", afterBytes: 700 }, nth: 1, times: 5 });
      const into = tempDir("back");
      const end = await copyBack(place, into);
      expect(end.exitCode, end.stderr).toBe(0);
      expect(files(into)).toEqual(files(place.source));
    });

    test.for([
      [
        "refused with an error inside a 200, and nothing done",
        { kind: "error_in_200", code: "InternalError", forwarded: false },
      ],
      [
        "done, and answered with an error inside a 200",
        { kind: "error_in_200", code: "InternalError", forwarded: true },
      ],
      ["done, and the answer lost", { kind: "reset", forwarded: true }],
      ["done, and answered with 503", { kind: "status", status: 503, code: "SlowDown", forwarded: true }],
    ] as const)("the end of an upload is %s", async ([, fault]) => {
      const place = await newS3Place(s3);
      const rule = place.proxy.fail({ operation: "CompleteMultipartUpload", fault, nth: 1 });
      await expectProven(place, await startCopy(place).end);
      expect(rule.hits).toBe(1);
      expect(sentParts(place), "no part was sent again").toBe(partsOfLarge);
    });
  },
  { tools: ["rclone"] },
);
