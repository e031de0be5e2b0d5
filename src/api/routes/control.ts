/** Pause, resume, cancel, and the terms that may change while a job runs. */
import { z } from "zod";
import type { GodwitError } from "../../base/errors.ts";
import { isFinal, type Job } from "../../model/job.ts";
import { Refusal } from "../problem.ts";
import { type Api, type Call, type Reply, route } from "../route.ts";
import { jobParams, migration, parallelWorkers, priority, throughputLimit } from "../shapes.ts";
import { bytesPerSecondOf } from "../units.ts";
import { migrationNow } from "./migrations.ts";

type JobCall = Call<z.output<typeof jobParams>, unknown, unknown>;
type MigrationReply = Promise<Reply<z.input<typeof migration>>>;

const done = "The job as it stands now.";
const asked = "Whoever leads the job was asked, and obeys at its next checkpoint: `wish` says so until then.";

async function stop({ api, params: { job_id: id } }: JobCall, status: "paused" | "cancelled"): MigrationReply {
  const { job } = await api.overview.glance(id);
  if (job.status === status) return { body: await migrationNow(api, id) };
  if (job.status === "complete" || job.status === "cancelled" || (job.status === "failed" && status === "paused"))
    throw wrongStatus(job, status);
  const stopped = await api.store.stopIdle(id, status);
  if (!stopped) await api.store.wish(id, status === "paused" ? "pause" : "cancel");
  else if (status === "cancelled") api.onCancelled(id);
  return { status: stopped ? 200 : 202, body: await migrationNow(api, id) };
}

async function resume({ api, params: { job_id: id } }: JobCall): MigrationReply {
  const { job } = await api.overview.glance(id);
  if (job.status === "paused" || job.status === "failed") await api.store.requeue(id);
  else if (isFinal(job.status)) throw wrongStatus(job, "resumed");
  // It goes on; a pause that nobody has obeyed yet is taken back. A cancellation is not.
  else if (job.wish === "pause") await api.store.wish(id, null);
  else if (job.wish === "cancel") throw wrongStatus(job, "resumed");
  return { body: await migrationNow(api, id) };
}

function wrongStatus({ id, status, wish }: Job, verb: string): GodwitError {
  return new Refusal("job_state", {
    status: 409,
    what: `job ${id} is ${status}${wish === "cancel" ? " and to be cancelled" : ""} and cannot be ${verb}`,
    hint: isFinal(status) ? "It has ended. To copy once more, submit another." : "Wait for its end.",
  });
}

const words = {
  method: "POST",
  tag: "Control",
  role: "operator",
  params: jobParams,
  query: null,
  body: null,
  answer: migration,
} as const;

export const pauseRoute = route({
  ...words,
  id: "pauseMigration",
  path: "/migrations/{job_id}/pause",
  summary: "Pause a migration",
  description: "What is confirmed is kept. A job that is paused already stays so.",
  statuses: { 200: done, 202: asked },
  handle: (call) => stop(call, "paused"),
});

export const cancelRoute = route({
  ...words,
  id: "cancelMigration",
  path: "/migrations/{job_id}/cancel",
  summary: "Cancel a migration",
  description: "Final. What was published stays on the target; what was only staged is removed.",
  statuses: { 200: done, 202: asked },
  handle: (call) => stop(call, "cancelled"),
});

export const resumeRoute = route({
  ...words,
  id: "resumeMigration",
  path: "/migrations/{job_id}/resume",
  summary: "Resume a migration",
  description: "A paused or failed job is pending again and goes on after what is confirmed; one that runs goes on.",
  statuses: { 200: done },
  handle: resume,
});

const changeBody = z
  .strictObject({
    throughput_limit_gb_per_hour: throughputLimit.optional(),
    max_parallel_workers: parallelWorkers.optional(),
    priority: priority.optional(),
  })
  .refine((body) => Object.keys(body).length > 0, "names nothing to change")
  .meta({ id: "MigrationChange", minProperties: 1 });

async function change(api: Api, id: string, body: z.output<typeof changeBody>): MigrationReply {
  const { throughput_limit_gb_per_hour: limit, max_parallel_workers: lanes, priority: rank } = body;
  await api.store.setTerms(id, {
    ...(rank !== undefined && { priority: rank }),
    ...(limit !== undefined && { limitBytesPerSecond: limit === null ? null : bytesPerSecondOf(limit) }),
    ...(lanes !== undefined && { lanesMax: lanes }),
  });
  return { body: await migrationNow(api, id) };
}

export const changeRoute = route({
  ...words,
  id: "changeMigration",
  method: "PATCH",
  path: "/migrations/{job_id}",
  summary: "Change a migration's limits while it runs",
  description: "What is not named stays. Workers see it with their next heartbeat.",
  statuses: { 200: done },
  body: changeBody,
  handle: ({ api, params, body }) => change(api, params.job_id, body),
});
