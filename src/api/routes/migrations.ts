import { z } from "zod";
import type { Job } from "../../model/job.ts";
import { estimatedEnd } from "../../model/pace.ts";
import { after, jobCursor, jobPlaceOf, pageQuery } from "../cursor.ts";
import { migrationAnswer } from "../migration-answer.ts";
import { type Api, route } from "../route.ts";
import { jobParams, jobStatus, migration, migrations } from "../shapes.ts";

/** One job as it stands: for its own page, and for its events. */
export async function migrationNow(api: Api, jobId: string): Promise<z.input<typeof migration>> {
  const glance = await api.overview.glance(jobId);
  return migrationAnswer(glance.job, glance, estimatedEnd(glance.job, glance.now));
}

const idPrefix = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/, "is no beginning of an id")
  .optional()
  .describe("only jobs whose ids begin so");

export const listRoute = route({
  id: "listMigrations",
  method: "GET",
  path: "/migrations",
  tag: "Migrations",
  summary: "List migrations, the newest first",
  role: "viewer",
  statuses: { 200: "A page of jobs." },
  params: null,
  query: z.strictObject({ ...pageQuery(50, 200), status: jobStatus.optional(), id_prefix: idPrefix }),
  body: null,
  answer: migrations,
  handle: async ({ api, query: { limit, cursor, status, id_prefix: idPrefixWanted } }) => {
    const jobs = await api.overview.jobs({
      after: jobPlaceOf(cursor),
      limit,
      status: status ?? null,
      ...(idPrefixWanted !== undefined && { idPrefix: idPrefixWanted }),
    });
    const told = await Promise.all(jobs.map((job) => listed(api, job)));
    return { body: { migrations: told, next_cursor: after(jobs, limit, jobCursor) } };
  },
});

/** A job may be removed while its page is made: then it is shown as it was found. */
async function listed(api: Api, job: Job): Promise<z.input<typeof migration>> {
  try {
    return await migrationNow(api, job.id);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "job_unknown")
      return migrationAnswer(job, { leader: null, lastFailure: null }, null);
    throw error;
  }
}

export const statusRoute = route({
  id: "getMigration",
  method: "GET",
  path: "/migrations/{job_id}",
  tag: "Migrations",
  summary: "Show a migration and how far it is",
  role: "viewer",
  statuses: { 200: "The job as it stands." },
  params: jobParams,
  query: null,
  body: null,
  answer: migration,
  handle: async ({ api, params }) => ({ body: await migrationNow(api, params.job_id) }),
});
