/** A job as a server tells it, read the way a client should: fields that it does not know are passed over. */
import { z } from "zod";
import { errorShape, migration } from "../../api/shapes.ts";
import { bytesPerSecondOf } from "../../api/units.ts";
import { GodwitError } from "../../base/errors.ts";
import { outcomes } from "../../model/entry.ts";
import type { CounterName, Counters } from "../../model/job.ts";
import type { ToldException } from "../exceptions.ts";
import type { ListedJob } from "../job-table.ts";
import type { ToldJob } from "../outcome.ts";
import type { RemoteServer } from "./server.ts";

const sum = z.object({ entries: z.number(), bytes: z.number() });

/** A later server may know more outcomes and codes than this program. */
export const migrationShape = z.object({
  ...migration.shape,
  outcomes: z.record(z.string(), sum),
  failure: z.object(errorShape.shape).nullable(),
});
export type Migration = z.output<typeof migrationShape>;

/** As the commands tell jobs. */
export function toldJob(told: Migration, server: string): ListedJob & { readonly job: ToldJob } {
  return {
    leader: told.led_by,
    job: {
      id: told.job_id,
      server,
      spec: { kind: told.kind, source: told.source_path, target: told.target_path },
      status: told.status,
      createdAt: Date.parse(told.created_at),
      endedAt: told.ended_at === null ? null : Date.parse(told.ended_at),
      runs: told.runs,
      planDone: told.plan_complete,
      counters: countersOf(told),
      failure: told.failure,
    },
  };
}

function countersOf(told: Migration): Counters {
  const counters: Partial<Record<CounterName, number>> = {
    listedEntries: told.total_entries,
    listedBytes: told.total_bytes,
    chunksTotal: told.chunks_total,
    chunksDone: told.chunks_complete,
    sourceBytesRead: told.source_bytes_read,
    targetBytesWritten: told.target_bytes_written,
    targetBytesRead: told.target_bytes_read,
    bytesTransferred: told.bytes_transferred,
    bytesVerified: told.bytes_verified,
    retries: told.retries,
    mismatches: told.mismatches,
    losses: told.losses,
    deleted: told.deleted,
    deletionsFailed: told.deletions_failed,
  };
  for (const outcome of outcomes) {
    counters[`entries:${outcome}`] = told.outcomes[outcome]?.entries ?? 0;
    counters[`bytes:${outcome}`] = told.outcomes[outcome]?.bytes ?? 0;
  }
  return counters;
}

export function limitOf({ throughput_limit_gb_per_hour: limit }: Migration): number | null {
  return limit === null ? null : bytesPerSecondOf(limit);
}

export function isUnfinished({ status }: Pick<Migration, "status">): boolean {
  return status !== "complete" && status !== "failed" && status !== "cancelled" && status !== "paused";
}

export async function migrationOf(server: RemoteServer, jobId: string): Promise<Migration> {
  return (await server.ask({ method: "GET", path: jobPath(jobId) }, migrationShape)).body;
}

export function jobPath(jobId: string, rest = ""): string {
  return `/migrations/${encodeURIComponent(jobId)}${rest}`;
}

/** All pages of a list, as one. */
async function* allPages<T>(server: RemoteServer, asked: Page, shape: z.ZodType<Paged<T>>): AsyncGenerator<T> {
  for (let { query } = asked; ;) {
    const { items, next } = (await server.ask({ method: "GET", path: asked.path, query }, shape)).body;
    yield* items;
    if (next === null) return;
    query = { ...asked.query, cursor: next };
  }
}

interface Page {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

interface Paged<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const nextCursor = z.string().nullable();
const jobsPage = z
  .object({ migrations: z.array(migrationShape), next_cursor: nextCursor })
  .transform(({ migrations: items, next_cursor: next }) => ({ items, next }));
const exceptionsPage = z
  .object({
    exceptions: z.array(
      z.object({ path: z.string(), outcome: z.string(), error: z.object(errorShape.shape).nullable() }),
    ),
    next_cursor: nextCursor,
  })
  .transform(({ exceptions: items, next_cursor: next }) => ({ items, next }));

/** Newest first. */
export function migrations(
  server: RemoteServer,
  query: Readonly<Record<string, string>> = {},
): AsyncGenerator<Migration> {
  return allPages(server, { path: "/migrations", query: { limit: "200", ...query } }, jobsPage);
}

/** By its id or the beginning of it. @throws job_unknown, job_ambiguous */
export async function jobNamed(server: RemoteServer, name: string): Promise<Migration> {
  const found: Migration[] = [];
  if (/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    for await (const told of migrations(server, { id_prefix: name, limit: "2" })) {
      if (told.job_id === name) return told;
      found.push(told);
      if (found.length === 2) break;
    }
  }
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new GodwitError(only === undefined ? "job_unknown" : "job_ambiguous", {
    disposition: "fatal",
    what: only === undefined ? `the server has no job called ${name}` : `several jobs begin with ${name}`,
    hint: `\`godwit jobs --server ${server.url}\` lists them.`,
  });
}

/** In order of their recording, as far as they are asked for. */
export function remoteExceptions(server: RemoteServer, jobId: string): AsyncGenerator<ToldException> {
  return allPages(server, { path: jobPath(jobId, "/exceptions"), query: { limit: "1000" } }, exceptionsPage);
}
