/** What a large entry has staged and nobody will publish: removed when the job ends, is cancelled, or is pruned. */
import { appendFileSync, readdirSync, renameSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { jobsShape } from "../../src/cli/json-shapes.ts";
import { jobState } from "../testbed/job-state.ts";
import { godwit, startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { awsEnv } from "../testbed/servers.ts";
import { s3Request } from "../testbed/signed-request.ts";
import { describeOnServers } from "../testbed/suites.ts";
import type { Place } from "../testbed/place.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const MiB = 2 ** 20;
/** A whole version takes 16 s, its first ranges less than 2 s: so a change on a busy machine still comes in its middle. */
const slowly = ["--limit", "10MB/s", "--chunk-size", "8MiB", "--workers", "2", "--plain"] as const;
const pruneNow = ["jobs", "--prune", "--older-than", "0s"] as const;

interface LargePlace extends Place {
  readonly file: string;
}

function newPlace(): LargePlace {
  const source = tempDir("source");
  const file = join(source, "large.bin");
  writeFileSync(file, "");
  truncateSync(file, 160 * MiB);
  return { source, file, target: join(tempDir("target"), "copy"), state: tempDir("state") };
}

function partials(target: string): readonly string[] {
  if (statSync(target, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(target).filter((name) => name.endsWith(".part"));
}

/** Changes the source each time that another version of it is staged. */
async function changeEachTime(place: LargePlace, times: number): Promise<void> {
  const seen = new Set<string>();
  for (let time = 1; time <= times; time += 1) {
    await until(
      async () => partials(place.target).some((name) => !seen.has(name)),
      () => `no version ${time} was staged`,
    );
    for (const name of partials(place.target)) seen.add(name);
    appendFileSync(place.file, `more ${time}`);
  }
}

async function listedJobs(state: string): Promise<readonly string[]> {
  const listed = await godwit(["jobs", "--json"], { state });
  return jobsShape.parse(JSON.parse(listed.stdout)).jobs.map((job) => job.status);
}

/** A copy that was killed while the second version of its file was being read. */
async function killedInSecondVersion(place: LargePlace): Promise<void> {
  const { source, target, state } = place;
  const running = startGodwit(["copy", source, target, ...slowly], { state });
  await changeEachTime(place, 1);
  await until(
    async () =>
      (await jobState(state)).chunks.filter(({ kind, staging }) => kind === "head" && staging !== null).length === 2,
    () => "the second version was not staged",
  );
  running.child.kill("SIGKILL");
  await running.end;
  expect(partials(target)).toHaveLength(2);
}

describe("a large file that changes while it is read", () => {
  test("each time that it was begun: nothing of it is left when the job has ended", async () => {
    const place = newPlace();
    const { source, target, state } = place;
    const running = startGodwit(["copy", source, target, ...slowly], { state });
    await changeEachTime(place, 3);
    const end = await running.end;
    expect(end.exitCode, end.stderr).toBe(1);
    expect(end.stdout).toContain("1 changed");
    expect(readdirSync(target)).toEqual([]);
  });

  test("and a job that is cancelled then: no version of it is left", async () => {
    const place = newPlace();
    await killedInSecondVersion(place);
    expect(await godwit(["cancel", "2"], { state: place.state })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(partials(place.target)).toEqual([]);
  });
});

describe("a target whose directory is not there", () => {
  test("cancel says so, prune keeps the job; once it is there again, all is removed", async () => {
    const place = newPlace();
    const { target, state } = place;
    await killedInSecondVersion(place);
    renameSync(target, `${target}.away`);
    const refused = await godwit(["cancel", "2"], { state });
    expect(refused.exitCode).toBe(4);
    expect(refused.stderr).toContain("target_missing");
    const kept = await godwit(pruneNow, { state });
    expect(kept.stderr).toMatch(/^kept 2\S+, since what it staged cannot be removed: target_missing: /);
    expect(await listedJobs(state)).toEqual(["cancelled"]);
    renameSync(`${target}.away`, target);
    expect(await godwit(pruneNow, { state })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await listedJobs(state)).toEqual([]);
    expect(partials(target)).toEqual([]);
  });

  test("a job that has left nothing there is pruned all the same", async () => {
    const { source, target, state } = newPlace();
    expect(await godwit(["copy", source, target, "--json"], { state })).toMatchObject({ exitCode: 0 });
    renameSync(target, `${target}.away`);
    expect(await godwit(pruneNow, { state })).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await listedJobs(state)).toEqual([]);
  });
});

// s3s-fs cannot list uploads.
describeOnServers(
  "a large file that changes while it is sent to a bucket",
  (s3) => {
    test("leaves no upload behind; those that the store does not let go at once are removed by prune", async () => {
      const { source, file, state } = newPlace();
      const bucket = await s3.bucket();
      const [server, proxy] = [s3.server(), await s3.proxy()];
      const uploads = async (): Promise<readonly string[]> => {
        const answer = await s3Request(server, { method: "GET", bucket, query: { uploads: "" } });
        return [...answer.body.toString().matchAll(/<UploadId>([^<]+)/g)].map(([, id]) => id as string);
      };
      const fault = { kind: "status", status: 405, code: "MethodNotAllowed" } as const;
      const refusal = proxy.fail({ operation: "AbortMultipartUpload", fault });
      const options = { state, env: awsEnv(proxy) };
      const running = startGodwit(["copy", source, `s3://${bucket}/x`, ...slowly], options);
      const seen = new Set<string>();
      for (let time = 1; time <= 3; time += 1) {
        await until(
          async () => (await uploads()).some((id) => !seen.has(id)),
          () => `no upload ${time} was begun`,
        );
        for (const id of await uploads()) seen.add(id);
        appendFileSync(file, `more ${time}`);
      }
      const end = await running.end;
      expect(end.exitCode, end.stderr).toBe(1);
      expect(end.stderr).toMatch(/^what failed entries had staged cannot be removed now: \w+: AbortMultipartUpload /m);
      expect(await uploads()).toHaveLength(3);
      refusal.remove();
      expect(await godwit(pruneNow, options)).toMatchObject({ exitCode: 0, stderr: "" });
      expect(await uploads()).toEqual([]);
      expect(await listedJobs(state)).toEqual([]);
    });
  },
  { servers: ["moto"] },
);
