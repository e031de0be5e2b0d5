/** Chunks, by state and as a map; attempts; the checkpoint. */
import { z } from "zod";
import { type ChunkMap, watchedStates } from "../../ports/overview.ts";
import type { AttemptRecord } from "../../ports/store.ts";
import { after, numberCursor, numberOf, pageQuery } from "../cursor.ts";
import { route } from "../route.ts";
import { attempts, checkpoint, chunkMap, chunks, chunkState, jobParams } from "../shapes.ts";
import { instantOrNull, instantText } from "../units.ts";

const words = { method: "GET", tag: "Chunks", role: "viewer", params: jobParams, body: null } as const;

export const chunksRoute = route({
  ...words,
  id: "listChunks",
  path: "/migrations/{job_id}/chunks",
  summary: "List chunks, by state",
  description:
    "In order of planning. Each request looks at a bounded number of chunks, so a page may hold fewer than `limit`, or none, and yet not be the last.",
  statuses: { 200: "A page of chunks." },
  query: z.strictObject({ ...pageQuery(100, 1_000), state: chunkState.optional() }),
  answer: chunks,
  handle: async ({ api, params: { job_id: id }, query: { limit, cursor, state } }) => {
    const page = await api.overview.chunks(id, state ?? null, { after: numberOf(cursor), limit });
    return {
      body: {
        job_id: id,
        chunks: page.chunks.map(({ chunkId, parentId, ...rest }) => ({
          chunk_id: chunkId,
          parent_id: parentId,
          ...rest,
        })),
        next_cursor: page.next === null ? null : numberCursor(page.next),
      },
    };
  },
});

type Sums = z.input<typeof chunkMap>["by_state"];
const noSums = (): Sums => Object.fromEntries(watchedStates.map((state) => [state, 0])) as Sums;

/** @param parts into how many the ids from the first to the last were divided: the same division as the query's */
export function mapAnswer(id: string, map: ChunkMap, parts: number): z.input<typeof chunkMap> {
  const [byState, bytesByState] = [noSums(), noSums()];
  const buckets: z.input<typeof chunkMap>["buckets"] = [];
  const { firstChunkId: first, lastChunkId: last } = map;
  if (first !== null && last !== null) {
    const span = last - first + 1;
    const startOf = (bucket: number): number => first + Math.ceil((bucket * span) / parts);
    const cellsOf = Map.groupBy(map.cells, ({ bucket }) => bucket);
    for (let bucket = 0; bucket < parts; bucket += 1) {
      const [from, to] = [startOf(bucket), startOf(bucket + 1) - 1];
      // More parts than rows: some hold no id.
      if (from > to) continue;
      const sums = noSums();
      for (const { state, chunks: rows, bytes } of cellsOf.get(bucket) ?? []) {
        sums[state] += rows;
        byState[state] += rows;
        bytesByState[state] += bytes;
      }
      buckets.push({ first_chunk_id: from, last_chunk_id: to, chunks: sums });
    }
  }
  return { job_id: id, as_of: instantText(map.at), by_state: byState, bytes_by_state: bytesByState, buckets };
}

export const chunkMapRoute = route({
  ...words,
  id: "getChunkMap",
  path: "/migrations/{job_id}/chunks/map",
  summary: "Show all chunks as a map, summed in buckets",
  statuses: { 200: "The map, as large as asked for, however large the job." },
  query: z.strictObject({ buckets: z.coerce.number().int().min(1).max(1_000).default(100) }),
  answer: chunkMap,
  handle: async ({ api, params: { job_id: id }, query: { buckets } }) => ({
    body: mapAnswer(id, await api.maps.map(id, buckets), buckets),
  }),
});

export const attemptsRoute = route({
  ...words,
  id: "listAttempts",
  path: "/migrations/{job_id}/attempts",
  summary: "List attempts: who worked on what, when, and why it ended",
  statuses: { 200: "A page of attempts, the newest first." },
  query: z.strictObject(pageQuery(100, 1_000)),
  answer: attempts,
  handle: async ({ api, params: { job_id: id }, query: { limit, cursor } }) => {
    const ended = await api.overview.attempts(id, { after: numberOf(cursor), limit });
    const running = cursor === undefined ? await api.overview.running(id, limit) : [];
    return {
      body: {
        job_id: id,
        running: running.map(attemptAnswer),
        attempts: ended.map(attemptAnswer),
        next_cursor: after(ended, limit, (last) => numberCursor(last.id)),
      },
    };
  },
});

function attemptAnswer(attempt: AttemptRecord): z.input<typeof attempts>["attempts"][0] {
  return {
    chunk_id: attempt.chunkId,
    stage: attempt.stage,
    worker: attempt.worker,
    epoch: attempt.epoch,
    started_at: instantText(attempt.startedAt),
    ended_at: instantOrNull(attempt.endedAt),
    ended_because: attempt.why?.toWellFormed() ?? null,
  };
}

export const checkpointRoute = route({
  ...words,
  id: "getCheckpoint",
  path: "/migrations/{job_id}/checkpoint",
  summary: "Show what a coordinator that restarts would begin with",
  statuses: { 200: "The checkpoint." },
  query: null,
  answer: checkpoint,
  handle: async ({ api, params: { job_id: id } }) => {
    const found = await api.overview.checkpoint(id);
    const { claimable, leased } = await api.store.open(id);
    return {
      body: {
        job_id: id,
        as_of: instantText(found.now),
        plan_complete: found.planDone,
        phase: found.phase,
        open_chunks_by_phase: [...found.openRowsByPhase],
        ends_not_folded: found.inboxRows,
        claimable,
        leased,
        runs: found.runs,
        led_by: found.leadOwner,
        lead_epoch: found.leadEpoch,
        lead_expires_at: instantOrNull(found.leadExpiresAt),
        counters: Object.fromEntries(Object.entries(found.counters).map(([name, value]) => [snakeCase(name), value])),
      },
    };
  },
});

/** `bytes:verified` and `chunksDone` as HTTP names them. */
function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`).replace(":", "_");
}
