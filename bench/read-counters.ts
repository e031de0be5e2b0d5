/** What is read of a source, counted outside of Godwit: a proxy before a real S3 server, or a disk of its own. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { must } from "../src/base/assert.ts";
import { type Served, startCutProxy } from "../test/testbed/cut-proxy.ts";
import { awsEnv, startS3Server } from "../test/testbed/servers.ts";
import { makeDistinctFiles } from "./trees.ts";

export interface CountedSource extends AsyncDisposable {
  readonly name: string;
  /** As a job names it. */
  readonly location: string;
  /** For those who read it. */
  readonly env: Readonly<Record<string, string>>;
  /** The bound on the cap divided by the mean rate of the minute; null: the server decides the mean, not its readers. */
  readonly capByMeanMax: number | null;
  /** So far, in order. */
  readonly served: readonly Served[];
}

/** Small objects, since s3s-fs reads a whole object for each range of it. */
export async function countedBucket(dir: string, bytesInAll: number): Promise<CountedSource> {
  mkdirSync(dir);
  const s3 = await startS3Server("s3s", { dir });
  await s3.bucket("bench");
  makeDistinctFiles(join(must(s3.dataDir, "a folder of objects"), "bench", "tree"), 250_000, bytesInAll);
  const proxy = await startCutProxy(Number(new URL(s3.endpoint).port));
  return {
    name: "S3",
    location: "s3://bench/tree",
    env: awsEnv({ ...s3, endpoint: `http://127.0.0.1:${proxy.port}` }),
    served: proxy.served,
    // s3s-fs holds the last packet of each answer back for 40 ms (Nagle's algorithm), and its listing needs a HEAD per key.
    capByMeanMax: null,
    [Symbol.asyncDispose]: async () => {
      await proxy[Symbol.asyncDispose]();
      await s3.stop();
    },
  };
}

const sampleMs = 2;
const sectorBytes = 512;

/**
 * Files of 16 MB on a file system of its own, mounted from an image in `dir`: the kernel counts what is read of its device.
 * Only root can mount it.
 */
export function countedDisk(dir: string, bytesInAll: number): CountedSource {
  const [image, mounted] = [join(dir, "image"), join(dir, "mounted")];
  mkdirSync(mounted, { recursive: true });
  writeFileSync(image, "");
  truncateSync(image, Math.ceil(1.2 * bytesInAll));
  execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
  execFileSync("mount", ["-o", "loop", image, mounted]);
  try {
    makeDistinctFiles(join(mounted, "tree"), 16_000_000, bytesInAll);
  } finally {
    execFileSync("umount", [mounted]);
  }
  // Mounted anew, so that what was just written is not in the page cache.
  execFileSync("mount", ["-o", "loop,ro", image, mounted]);
  const device = basename(must(deviceOf(mounted), "it is mounted"));
  const served: Served[] = [];
  let before = { bytes: bytesRead(device), atMs: performance.now() };
  const timer = setInterval(() => {
    const now = { bytes: bytesRead(device), atMs: performance.now() };
    const bytes = now.bytes - before.bytes;
    if (bytes > 0) served.push({ sinceMs: before.atMs, atMs: now.atMs, bytes });
    before = now;
  }, sampleMs);
  return {
    name: "disk",
    location: join(mounted, "tree"),
    env: {},
    served,
    capByMeanMax: 1 / 0.95,
    [Symbol.asyncDispose]: () => {
      clearInterval(timer);
      execFileSync("umount", [mounted]);
      return Promise.resolve();
    },
  };
}

function deviceOf(mounted: string): string | null {
  const lines = readFileSync("/proc/mounts", "utf8").split("\n");
  return lines.map((line) => line.split(" ")).find(([, place]) => place === mounted)?.[0] ?? null;
}

/** Since the device was made. */
function bytesRead(device: string): number {
  const fields = readFileSync(`/sys/block/${device}/stat`, "utf8").trim().split(/\s+/);
  return Number(fields[2]) * sectorBytes;
}
