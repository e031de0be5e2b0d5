import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { jobState } from "../testbed/job-state.ts";
import { godwit } from "../testbed/program.ts";
import { rclone } from "../testbed/rclone.ts";
import { describeWithTools } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { fingerprint, makeTree } from "../testbed/trees.ts";
import { killContract } from "./kill-contract.ts";

const MiB = 2 ** 20;

describeWithTools("kill -9 in mid-copy, directory to directory", ["rclone"], () => {
  killContract({
    links: true,
    newTarget: async () => {
      const url = join(tempDir("target"), "copy");
      return {
        url,
        env: {},
        expectEqual: async (source) => {
          expect(fingerprint(url)).toEqual(fingerprint(source));
          await rclone(["check", "--download", source, url]);
        },
      };
    },
  });
});

describe("the harness itself", () => {
  test("a copy that nobody kills reads every byte of the source once", async () => {
    const source = tempDir("source");
    makeTree(source, "plain", { large: [70 * MiB], small: 50, links: true });
    const state = tempDir("state");
    const end = await godwit(["copy", source, join(tempDir("target"), "copy"), "--json"], { state });
    expect(end.exitCode, end.stderr).toBe(0);
    const { job } = await jobState(state);
    expect(job.counters.sourceBytesRead).toBe(job.counters.listedBytes);
    expect(job.counters.targetBytesRead).toBe(job.counters.listedBytes);
  });
});
