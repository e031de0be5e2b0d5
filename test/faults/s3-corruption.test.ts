/**
 * Bytes that are damaged on the wire, or at rest by another process: found by what defends against them, and only the
 * damaged part goes over the wire again. Invariant 2. Godwit's own digests are never touched.
 */
import { expect, test } from "vitest";
import { flip } from "../conformance/s3-tree.ts";
import { type JobState, openStateOf } from "../testbed/job-state.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { expectProven, fileOf, MiB, newS3Place, partsOfLarge, type S3Place, sentParts, startCopy } from "./s3-place.ts";

async function mismatches({ state }: S3Place, { job }: JobState): Promise<readonly string[]> {
  await using store = await openStateOf(state);
  const verdicts = await Array.fromAsync(store.verdicts(job.id));
  return verdicts.filter(({ result }) => result === "mismatch").map(({ stage }) => stage);
}

describeOnServers(
  "damage on the wire",
  (s3) => {
    test("on the way back: the read-back differs, and that part alone is sent again", async () => {
      const place = await newS3Place(s3);
      const fault = { kind: "corrupt", body: "response", offset: 1_234 } as const;
      const rule = place.proxy.fail({ operation: "GetObject", key: place.key, fault, nth: 2 });
      const state = await expectProven(place, await startCopy(place).end);
      expect(rule.hits).toBe(1);
      expect(await mismatches(place, state)).toEqual(["verify"]);
      expect(sentParts(place)).toBe(partsOfLarge + 1);
      const copied = place.proxy.find({ operation: "UploadPartCopy", key: place.key });
      expect(copied.length, "the good parts were copied by the store").toBe(partsOfLarge - 1);
    });
  },
  { tools: ["rclone"] },
);

describeOnServers(
  "damage where the store can be reached from behind",
  (s3) => {
    test("on the way out: the store refuses the part, and it alone is sent again", async () => {
      const place = await newS3Place(s3);
      const fault = { kind: "corrupt", body: "request", offset: 1_234 } as const;
      const rule = place.proxy.fail({ operation: "UploadPart", key: place.key, fault, nth: 2 });
      const state = await expectProven(place, await startCopy(place).end);
      expect(rule.hits).toBe(1);
      expect(sentParts(place)).toBe(partsOfLarge + 1);
      expect(await mismatches(place, state)).toEqual([]);
    });

    test("at rest before read-back: that part alone is sent again", async () => {
      const place = await newS3Place(s3);
      const rule = place.proxy.fail({
        operation: "GetObject",
        key: place.key,
        fault: { kind: "stall", forwarded: false },
        nth: 1,
      });
      const running = startCopy(place);
      await rule.fired;
      const [asked] = place.proxy.find({ operation: "GetObject", key: place.key });
      flip(fileOf(place), (asked?.range?.[0] ?? 0) + 77);
      rule.release();
      const state = await expectProven(place, await running.end);
      expect(await mismatches(place, state)).toEqual(["verify"]);
      expect(sentParts(place)).toBe(partsOfLarge + 1);
      expect(place.proxy.find({ operation: "UploadPartCopy" }).length).toBe(partsOfLarge - 1);
    });

    test("at rest between read-back and --reconcile: that part alone is sent again", async () => {
      const place = await newS3Place(s3);
      // Each part is read back once; whatever is read after that belongs to the last pass.
      const rule = place.proxy.fail({
        operation: "GetObject",
        key: place.key,
        fault: { kind: "stall", forwarded: false },
        nth: partsOfLarge + 1,
      });
      const running = startCopy(place, ["--reconcile"]);
      await rule.fired;
      const asked = place.proxy.find({ operation: "GetObject", key: place.key }).at(-1);
      flip(fileOf(place), (asked?.range?.[0] ?? 0) + MiB);
      rule.release();
      const state = await expectProven(place, await running.end);
      expect(await mismatches(place, state)).toEqual(["reconcile"]);
      expect(sentParts(place)).toBe(partsOfLarge + 1);
    });
  },
  { servers: ["s3s"], tools: ["rclone"] },
);
