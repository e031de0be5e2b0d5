import { rclone } from "../testbed/rclone.ts";
import { awsEnv } from "../testbed/servers.ts";
import { describeOnServers } from "../testbed/suites.ts";
import { killContract } from "./kill-contract.ts";

describeOnServers(
  "kill -9 in mid-copy, directory to bucket",
  (s3) => {
    killContract({
      links: false,
      newTarget: async () => {
        const bucket = await s3.bucket();
        return {
          url: `s3://${bucket}/copy`,
          // s3s-fs breaks off the joining of parts when its client dies, and then has lost the upload.
          env: awsEnv(await s3.proxy()),
          expectEqual: async (source) => {
            const remotes = { store: s3.server() };
            await rclone(["check", "--download", `${source}/`, `store:${bucket}/copy/`], { remotes });
          },
        };
      },
    });
  },
  { servers: ["s3s"], tools: ["rclone"] },
);
