/** How far a job is, while one chunk of it takes long. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jobsShape } from "../../src/cli/json-shapes.ts";
import { godwit, startGodwit } from "../testbed/program.ts";
import { until } from "../testbed/server-process.ts";
import { tempDir } from "../testbed/temp-dir.ts";

test("a command that is interrupted in its only chunk says what is kept, and the next one goes on from there", async () => {
  const root = tempDir("progress");
  const place = { source: join(root, "source"), target: join(root, "target"), state: join(root, "state") };
  mkdirSync(place.source);
  const sizeBytes = 60_000_000;
  writeFileSync(join(place.source, "big"), Buffer.alloc(sizeBytes, 7));
  const copy = ["copy", place.source, place.target, "--plain"];
  const first = startGodwit([...copy, "--limit", "12MB/s", "--workers", "1"], { state: place.state });
  const listed = async (): Promise<number> => {
    const end = await godwit(["jobs", "--json"], { state: place.state });
    const [job] = end.exitCode === 0 ? jobsShape.parse(JSON.parse(end.stdout)).jobs : [];
    return job?.bytes_transferred ?? 0;
  };
  await until(
    async () => (await listed()) > 0,
    () => "nothing was confirmed",
  );
  first.child.kill("SIGINT");
  const end = await first.end;
  expect(end.exitCode).toBe(3);
  expect(end.stdout).toContain("no entry is done yet");
  expect(end.stdout).toMatch(/\d MB are copied, 0 B of them verified: they are kept/);
  const kept = await listed();
  expect(kept).toBeGreaterThan(0);
  expect(kept).toBeLessThan(sizeBytes);
  const second = await godwit([...copy, "--json"], { state: place.state });
  expect(second.exitCode).toBe(0);
  const told = jobsShape.shape.jobs.element.parse(JSON.parse(second.stdout));
  expect(told).toMatchObject({ bytes_transferred: sizeBytes, bytes_verified: sizeBytes });
  expect(told.source_bytes_read, "what was kept is not read again").toBeLessThan(2 * sizeBytes - kept + 8_388_608);
});
