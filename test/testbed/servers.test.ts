import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { rclone } from "./rclone.ts";
import { until } from "./server-process.ts";
import { startS3Server } from "./servers.ts";
import { describeOnServers } from "./suites.ts";
import { s3Request } from "./signed-request.ts";
import { tempDir } from "./temp-dir.ts";

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie still has its pid: it counts as ended.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

describeOnServers(
  "a real S3 server",
  (s3) => {
    test("refuses nothing that rclone asks of it, and gives back what rclone wrote", async () => {
      const from = tempDir("from");
      const to = tempDir("to");
      writeFileSync(join(from, "a file"), "content");
      const bucket = await s3.bucket();
      const remotes = { store: s3.server() };
      await rclone(["copy", from, `store:${bucket}/prefix/`], { remotes });
      await rclone(["copy", `store:${bucket}/prefix/`, to], { remotes });
      await rclone(["check", "--download", from, `store:${bucket}/prefix/`], { remotes });
      expect(readFileSync(join(to, "a file"), "utf8")).toBe("content");
    });

    test("comes back on the same port after it was stopped", async () => {
      const dir = tempDir("restart");
      const first = await startS3Server(s3.name, { dir });
      await first.stop();
      expect(isAlive(first.pid)).toBe(false);
      await using second = await startS3Server(s3.name, { dir, port: first.port });
      expect(second.endpoint).toBe(first.endpoint);
      expect((await s3Request(second, { method: "GET" })).status).toBe(200);
    });

    test("ends when the process that started it is killed", async () => {
      const dir = tempDir("killed");
      const script = `
        import { startProcess } from ${JSON.stringify(join(import.meta.dirname, "server-process.ts"))};
        const server = await startProcess({ command: "sleep", args: ["600"] });
        console.log(server.pid);
        await new Promise(() => setInterval(() => undefined, 1000));`;
      writeFileSync(join(dir, "owner.mts"), script);
      const owner = spawn(process.execPath, [join(dir, "owner.mts")], { stdio: ["ignore", "pipe", "inherit"] });
      const [line] = (await once(owner.stdout, "data")) as [Buffer];
      const pid = Number(line.toString());
      expect(isAlive(pid)).toBe(true);
      owner.kill("SIGKILL");
      await until(
        () => !isAlive(pid),
        () => `process ${pid} outlived its owner`,
      );
    });
  },
  { tools: ["rclone"] },
);
