/**
 * A worker that is stopped while a write to the store is under way, and wakes when a successor has published a newer
 * version: its late request changes nothing. Invariant 4.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { openStateOf } from "../testbed/job-state.ts";
import type { RunningProgram } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers, type S3Suite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { seededBytes } from "../testbed/trees.ts";
import { expectProven, MiB, newS3Place, type S3Place, startCopy } from "./s3-place.ts";

/** What is written late: the operation, and the file that it makes. */
interface Late {
  readonly operation: "PutObject" | "CompleteMultipartUpload";
  readonly file: string;
  /** Of what takes its place in the source. */
  readonly bytes: number;
}

const small: Late = { operation: "PutObject", file: "many/small 1.dat", bytes: 4_000 };
const large: Late = { operation: "CompleteMultipartUpload", file: "large-0.bin", bytes: 17 * MiB };

/** Stops it where it holds no lock on the state: one that is killed would hold none either. */
async function stop({ child }: RunningProgram, { state }: S3Place): Promise<void> {
  const isFree = (): boolean => {
    child.kill("SIGSTOP");
    using database = new DatabaseSync(join(state, "godwit.db"), { timeout: 0 });
    try {
      database.exec("BEGIN IMMEDIATE; ROLLBACK");
      return true;
    } catch {
      child.kill("SIGCONT");
      return false;
    }
  };
  await until(isFree, () => "the state is never free");
}

async function untilNobodyLeads({ state }: S3Place): Promise<void> {
  await using store = await openStateOf(state);
  const [job] = await store.jobs();
  await until(
    async () => (await store.leader(job?.id ?? "")) === null,
    () => "the lead does not expire",
  );
}

interface Answered {
  /** What the store said to the late request. */
  readonly status: number;
  readonly exitCode: number | null;
}

async function writeLate(place: S3Place, { operation, file, bytes }: Late, successor: Successor): Promise<Answered> {
  const key = `copy/${file}`;
  const rule = place.proxy.fail({ operation, key, fault: { kind: "stall", forwarded: false }, nth: 1 });
  const stopped = startCopy(place, successor.options);
  await rule.fired;
  await stop(stopped, place);
  const [late] = place.proxy.find({ operation, key });
  const newer = seededBytes("newer", bytes);
  writeFileSync(join(place.source, file), newer);
  if (successor.state === null) await untilNobodyLeads(place);
  const after = { ...place, state: successor.state?.() ?? place.state };
  await expectProven(after, await startCopy(after, successor.options).end);
  rule.release();
  await until(
    () => late?.done === true,
    () => "the late request is not answered",
  );
  await expectUntouched(place, file);
  stopped.child.kill("SIGCONT");
  const { exitCode } = await stopped.end;
  await expectUntouched(place, file);
  return { status: late?.serverStatus ?? 0, exitCode };
}

/** Whoever wrote the newer version: the same job under a new leader, or another job that knows nothing of the first. */
interface Successor {
  readonly name: string;
  readonly options: readonly string[];
  readonly state: (() => string) | null;
}

/** Files of several parts go in packs: each try has an upload of its own. */
const sameJob: Successor = { name: "the same job", options: ["--chunk-size", "64MiB"], state: null };
/** They are heads with ranges. */
const otherJob: Successor = { name: "another job", options: [], state: () => tempDir("state") };

async function expectUntouched({ s3, source, bucket }: S3Place, file: string): Promise<void> {
  const { body } = await s3Request(s3.server(), { method: "GET", bucket, key: `copy/${file}` });
  expect(body.equals(readFileSync(join(source, file))), "the newer version is there").toBe(true);
}

async function placeWithOlderCopy(s3: S3Suite): Promise<S3Place> {
  const place = await newS3Place(s3);
  await expectProven(place, await startCopy(place).end);
  for (const { file, bytes } of [small, large]) writeFileSync(join(place.source, file), seededBytes("old", bytes - 1));
  place.proxy.clear();
  return place;
}

const cases = [small, large].flatMap((late) => [sameJob, otherJob].map((successor) => ({ late, successor })));

/** A job that was replaced says so; one that had only been overtaken copies the newer version too. */
function expected({ state }: Successor): Answered {
  return { status: 412, exitCode: state === null ? 4 : 0 };
}

describeOnServers(
  "a write that comes late, after a newer one by",
  (s3) => {
    test.for(cases)("$successor.name: $late.operation where nothing was", async ({ late, successor }) => {
      expect(await writeLate(await newS3Place(s3), late, successor)).toEqual(expected(successor));
    });

    test("the same job: PutObject over an older version", async () => {
      expect(await writeLate(await placeWithOlderCopy(s3), small, sameJob)).toEqual(expected(sameJob));
    });
  },
  { tools: ["rclone"] },
);

describeOnServers(
  "the end of an upload that comes late, after a newer one by",
  (s3) => {
    // moto 5.2.5 ignores If-Match there.
    test.for([sameJob, otherJob])("$name: over an older version", async (successor) => {
      expect(await writeLate(await placeWithOlderCopy(s3), large, successor)).toEqual(expected(successor));
    });
  },
  { servers: ["s3s"], tools: ["rclone"] },
);
