/** `jobs` and `status` of a server. */
import { answer } from "../answer.ts";
import { columnsOf, jobDetails, jobTable, type ListedJob } from "../job-table.ts";
import type { JobsDocument } from "../json-shapes.ts";
import { jobJson } from "../outcome.ts";
import type { ServerAddress } from "../server-options.ts";
import type { Surroundings } from "../surroundings.ts";
import { jobNamed, type Migration, migrations, toldJob } from "./migration.ts";
import { withServer } from "./session.ts";

export interface Telling {
  readonly values: { readonly json: boolean };
  readonly surroundings: Surroundings;
}

/** @returns the exit code */
export async function listOnServer(address: ServerAddress, { values, surroundings }: Telling): Promise<number> {
  return withServer(address, surroundings, async ({ server }) => {
    const jobs: ListedJob[] = [];
    for await (const told of migrations(server)) jobs.push(toldJob(told, server.url));
    const document: JobsDocument = { jobs: jobs.map(({ job, leader }) => jobJson(job, leader)), pruned: [] };
    if (values.json) answer(surroundings, document);
    else
      surroundings.stdout.write(
        jobs.length === 0 ? "no jobs yet\n" : `${jobTable(jobs, Date.now(), columnsOf(surroundings.stdout))}\n`,
      );
    return 0;
  });
}

/** @returns the exit code */
export async function statusOnServer(address: ServerAddress, name: string, telling: Telling): Promise<number> {
  return withServer(address, telling.surroundings, async ({ server }) => {
    tellRemoteJob(await jobNamed(server, name), server.url, telling);
    return 0;
  });
}

export function tellRemoteJob(told: Migration, url: string, { values, surroundings }: Telling): void {
  const { job, leader } = toldJob(told, url);
  if (values.json) answer(surroundings, jobJson(job, leader));
  else surroundings.stdout.write(`${jobDetails({ job, leader }, Date.now())}\n`);
}
