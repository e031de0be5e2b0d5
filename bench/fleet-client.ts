/** Hands one copy to a fleet and waits for its end: `node bench/fleet-client.ts STORE SOURCE TARGET DURABILITY`. */
import { parseOptions, transferOptions } from "../src/cli/job-options.ts";
import { jobSpec } from "../src/cli/job-spec.ts";
import { isFinal } from "../src/model/job.ts";
import { systemClock } from "../src/platform/clock.ts";
import { jobIds } from "../src/store/job-id.ts";
import { openPostgresStore } from "../src/store/postgres/open.ts";

const lookMs = 100;
const [url = "", source = "", target = "", durability = "fsync"] = process.argv.slice(2);

await using store = await openPostgresStore({ url, connectionsMax: 1, newJobId: jobIds(Math.random) });
const { id } = await store.createJob(
  jobSpec({ kind: "copy", source, target, values: parseOptions(transferOptions, { durability }) }),
);
for (;;) {
  const job = await store.job(id);
  if (job === null || job.status === "paused") throw new Error(`the job did not end: ${JSON.stringify(job)}`);
  if (isFinal(job.status)) {
    if (job.status !== "complete") throw new Error(`the job ended ${job.status}: ${JSON.stringify(job.failure)}`);
    break;
  }
  await systemClock.sleep(lookMs);
}
