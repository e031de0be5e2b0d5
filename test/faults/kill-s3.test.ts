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
        const [bucket, proxy] = [await s3.bucket(), await s3.proxy()];
        return {
          url: `s3://${bucket}/copy`,
          // s3s-fs forgets an upload before it joins its parts, and breaks off when its client dies: the proxy holds
          // on, and nobody looks while neither the upload nor the object is there.
          env: awsEnv(proxy),
          settled: () => proxy.settled(),
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
