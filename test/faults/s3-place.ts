/** A copy of a directory to a bucket, by the real program, through a proxy that can fail. */
import { join } from "node:path";
import { expect } from "vitest";
import { type JobState, jobState } from "../testbed/job-state.ts";
import { godwit, type ProgramEnd, type RunningProgram, startGodwit } from "../testbed/program.ts";
import { rclone } from "../testbed/rclone.ts";
import type { S3Proxy } from "../testbed/s3-proxy.ts";
import { awsEnv } from "../testbed/servers.ts";
import type { S3Suite } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { makeTree } from "../testbed/trees.ts";

export const MiB = 2 ** 20;
/** Three parts and a bit: chunks of one part each. */
const largeBytes = 26 * MiB;
export const partsOfLarge = 4;
const options = ["--chunk-size", "8MiB", "--workers", "2", "--plain"] as const;

export interface S3Place {
  readonly s3: S3Suite;
  readonly proxy: S3Proxy;
  readonly bucket: string;
  readonly source: string;
  readonly target: string;
  readonly state: string;
  readonly key: string;
}

export async function newS3Place(s3: S3Suite): Promise<S3Place> {
  const source = tempDir("source");
  makeTree(source, "s3", { large: [largeBytes], small: 30, links: false });
  const bucket = await s3.bucket();
  const target = `s3://${bucket}/copy`;
  return { s3, proxy: await s3.proxy(), bucket, source, target, state: tempDir("state"), key: "copy/large-0.bin" };
}

export function startCopy(place: S3Place, more: readonly string[] = []): RunningProgram {
  const { proxy, source, target, state } = place;
  return startGodwit(["copy", source, target, ...options, ...more], { state, env: awsEnv(proxy) });
}

export function copyBack(place: S3Place, into: string): Promise<ProgramEnd> {
  const { proxy, target, state } = place;
  return godwit(["copy", target, into, ...options], { state, env: awsEnv(proxy) });
}

/** Complete and proven by Godwit's own word, and the same in the eyes of rclone, which asks the server itself. */
export async function expectProven(place: S3Place, end: ProgramEnd): Promise<JobState> {
  expect(end.exitCode, `${end.stdout}${end.stderr}`).toBe(0);
  const remotes = { store: place.s3.server() };
  await rclone(["check", "--download", `${place.source}/`, `store:${place.bucket}/copy/`], { remotes });
  const state = await jobState(place.state);
  expect(state.job.status).toBe("complete");
  return state;
}

/** Where s3s-fs keeps the object: as a plain file. */
export function fileOf(place: S3Place): string {
  return join(place.s3.server().dataDir ?? "", place.bucket, place.key);
}

/** Parts that went over the wire whole, whatever became of them. */
export function sentParts({ proxy, key }: S3Place): number {
  return proxy.find({ operation: "UploadPart", key, where: ({ requestBytes }) => requestBytes > 0 }).length;
}
