/** An upload that somebody aborts in the middle: what was confirmed in it is void, and nothing of it is believed. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { expectProven, newS3Place, partsOfLarge, sentParts, startCopy } from "./s3-place.ts";

describeOnServers(
  "an upload that vanishes",
  (s3) => {
    test("before its last part: the entry starts anew, and the job ends proven", async () => {
      const place = await newS3Place(s3);
      const { proxy, bucket, key } = place;
      const rule = proxy.fail({ operation: "UploadPart", key, fault: { kind: "stall", forwarded: false }, nth: 3 });
      // One lane: s3s-fs keeps a part that arrives after the abort, and then takes the upload for one that is there.
      const running = startCopy(place, ["--workers", "1"]);
      await rule.fired;
      const uploadId = proxy.find({ operation: "UploadPart", key })[0]?.query.get("uploadId") ?? "";
      expect((await s3Request(s3.server(), { method: "DELETE", bucket, key, query: { uploadId } })).status).toBe(204);
      rule.release();
      const { job } = await expectProven(place, await running.end);
      expect(proxy.find({ operation: "CreateMultipartUpload", key }).length).toBeGreaterThanOrEqual(2);
      expect(sentParts(place)).toBeGreaterThan(partsOfLarge);
      expect(job.counters["entries:failed"] ?? 0).toBe(0);
    });

    test("before it is completed: the entry starts anew, and the job ends proven", async () => {
      const place = await newS3Place(s3);
      const { proxy, bucket, key } = place;
      const rule = proxy.fail({
        operation: "CompleteMultipartUpload",
        key,
        fault: { kind: "stall", forwarded: false },
        nth: 1,
      });
      const running = startCopy(place);
      await rule.fired;
      const uploadId = proxy.find({ operation: "CompleteMultipartUpload", key })[0]?.query.get("uploadId") ?? "";
      await s3Request(s3.server(), { method: "DELETE", bucket, key, query: { uploadId } });
      rule.release();
      await expectProven(place, await running.end);
      expect(sentParts(place)).toBe(2 * partsOfLarge);
    });
  },
  { tools: ["rclone"] },
);

describeOnServers(
  "an upload whose end broke off inside the server",
  (s3) => {
    test("denies its end with parts left over: the entry starts anew, and the job ends proven", async () => {
      const place = await newS3Place(s3);
      const { proxy, key } = place;
      const fault = { kind: "stall", forwarded: false } as const;
      const rule = proxy.fail({ operation: "CompleteMultipartUpload", key, fault, nth: 1 });
      const running = startCopy(place);
      await rule.fired;
      const uploadId = proxy.find({ operation: "CompleteMultipartUpload", key })[0]?.query.get("uploadId") ?? "";
      rmSync(join(s3.server().dataDir ?? "", `.upload-${uploadId}.json`));
      rule.release();
      await expectProven(place, await running.end);
      expect(sentParts(place)).toBe(2 * partsOfLarge);
    });
  },
  { servers: ["s3s"], tools: ["rclone"] },
);
