/** Sources: what may be read of them, who reads now, and how that came about. */
import { z } from "zod";
import { capOf, type SourceLimits } from "../../model/budget.ts";
import type { Threshold } from "../../model/threshold.ts";
import type { SourceRecord } from "../../ports/budget.ts";
import { placeOf } from "../allow-list.ts";
import { route } from "../route.ts";
import { count, instant, priority } from "../shapes.ts";
import { instantText } from "../units.ts";

const sourceId = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, "has up to 63 of a-z, 0-9, `.`, `_` and `-`, a letter or digit first");
const bytesPerSecond = z.int().positive().nullable();
const reference = z
  .string()
  .regex(/^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+)$/, "is env:NAME or file:/path: the secret itself is never kept")
  .describe("env:NAME or file:/path, as the coordinator sees it: where the secret stands, never the secret");
const named = {
  name: z.string().min(1).max(100).describe("tells it apart in the history: each stands once in a source"),
  above: z.number().describe("the value above which the fleet backs off"),
};
const queryText = z.string().min(1).max(4_096);

const threshold = z
  .discriminatedUnion("type", [
    z.strictObject({
      type: z.literal("read_latency"),
      ...named,
      above: z.number().describe("in ms, of the fleet's own reads: the worst p95 of its workers"),
    }),
    z.strictObject({
      type: z.literal("prometheus"),
      ...named,
      url: z
        .url({ protocol: /^https?$/ })
        .max(2_048)
        .describe("of the server, as far as `/api/v1`; a token goes into `token_from`"),
      query: queryText.describe("an instant query: its greatest value counts"),
      token_from: reference.optional(),
    }),
    z.strictObject({
      type: z.literal("sql"),
      ...named,
      url_from: reference,
      query: queryText.describe("on PostgreSQL: the first column of its first row counts"),
    }),
  ])
  .meta({ id: "Threshold", description: "A signal, and the value above which the fleet backs off." });

const timetable = z
  .strictObject({ time_zone: z.string().min(1).max(100), lines: z.array(z.string().min(1).max(200)).max(200) })
  .nullable()
  .describe("lines such as `mon-fri 08:00-20:00 50MB/s` or `closed`");

const wishes = {
  location: z.string().min(1).max(8_192).describe("a path or URL: the source is everything at it and beneath it"),
  production: z.boolean().default(false).describe("never read without a stated peak or a limit"),
  stated_peak_bytes_per_second: bytesPerSecond
    .default(null)
    .describe("what it serves at its busiest: a tenth may be read"),
  limit_bytes_per_second: bytesPerSecond.default(null),
  timetable: timetable.default(null),
  thresholds: z.array(threshold).max(20).default([]),
};
const sourceBody = z.strictObject(wishes).meta({ id: "SourceLimits" });

const source = z
  .strictObject({
    source_id: sourceId,
    ...wishes,
    cap_bytes_per_second: z.int().nonnegative().nullable().describe("that holds now; null: none"),
    lanes_allowed: count.nullable().describe("by the throttle; null: as many as there are"),
    created_at: instant,
    updated_at: instant,
  })
  .meta({ id: "Source" });

const grant = z
  .strictObject({
    worker: z.string(),
    job_id: z.string(),
    priority,
    bytes_per_second: z.number().nullable(),
    lanes: z.number().nullable(),
    read_latency_p95_ms: z.number().nullable(),
    expires_at: instant,
  })
  .meta({ id: "Grant" });

const history = z
  .strictObject({
    source_id: sourceId,
    budget: z.array(
      z.strictObject({
        at: instant,
        cap_bytes_per_second: z.number().nullable(),
        granted_bytes_per_second: z.number().nullable().describe("null: a grant without a limit"),
        lanes_allowed: count.nullable(),
        workers: count,
        why: z.string().describe("`minute`: a sample; else what changed"),
      }),
    ),
  })
  .meta({ id: "BudgetHistory" });

function sourceAnswer(record: SourceRecord, now: number): z.input<typeof source> {
  return {
    source_id: record.id,
    location: record.location,
    production: record.production,
    stated_peak_bytes_per_second: record.statedPeakBytesPerSecond,
    limit_bytes_per_second: record.limitBytesPerSecond,
    timetable:
      record.timetable === null ? null : { time_zone: record.timetable.timeZone, lines: [...record.timetable.lines] },
    thresholds: record.thresholds.map(thresholdAnswer),
    cap_bytes_per_second: capOf(record, now),
    lanes_allowed: record.lanesAllowed,
    created_at: instantText(record.createdAt),
    updated_at: instantText(record.updatedAt),
  };
}

function thresholdAnswer(given: Threshold): z.input<typeof threshold> {
  const { name, above } = given;
  switch (given.type) {
    case "read_latency":
      return { type: "read_latency", name, above };
    case "prometheus": {
      const { url, query, tokenFrom } = given;
      return { type: "prometheus", name, above, url, query, ...(tokenFrom !== undefined && { token_from: tokenFrom }) };
    }
    case "sql":
      return { type: "sql", name, above, url_from: given.urlFrom, query: given.query };
  }
}

function thresholdOf(given: z.output<typeof threshold>): Threshold {
  const { name, above } = given;
  switch (given.type) {
    case "read_latency":
      return { type: "read_latency", name, above };
    case "prometheus": {
      const { url, query, token_from: tokenFrom } = given;
      return { type: "prometheus", name, above, url, query, ...(tokenFrom !== undefined && { tokenFrom }) };
    }
    case "sql":
      return { type: "sql", name, above, urlFrom: given.url_from, query: given.query };
  }
}

function limitsOf(id: string, body: z.output<typeof sourceBody>): SourceLimits {
  return {
    id,
    location: placeOf("location", body.location),
    production: body.production,
    statedPeakBytesPerSecond: body.stated_peak_bytes_per_second,
    limitBytesPerSecond: body.limit_bytes_per_second,
    timetable: body.timetable === null ? null : { timeZone: body.timetable.time_zone, lines: body.timetable.lines },
    thresholds: body.thresholds.map(thresholdOf),
  };
}

const params = z.strictObject({ source_id: sourceId });
const words = { tag: "Sources", query: null, body: null } as const;

export const sourcesRoute = route({
  ...words,
  id: "listSources",
  method: "GET",
  path: "/sources",
  summary: "List sources with what may be read of them",
  role: "viewer",
  statuses: { 200: "All of them, by id." },
  params: null,
  answer: z.strictObject({ sources: z.array(source) }).meta({ id: "Sources" }),
  handle: async ({ api }) => {
    const found = await api.budget.sources();
    return { body: { sources: found.map((record) => sourceAnswer(record, api.clock.now())) } };
  },
});

export const sourceRoute = route({
  ...words,
  id: "getSource",
  method: "GET",
  path: "/sources/{source_id}",
  summary: "Show a source, and who may read how much of it now",
  role: "viewer",
  statuses: { 200: "The source with its grants." },
  params,
  answer: z.strictObject({ source, grants: z.array(grant) }).meta({ id: "SourceNow" }),
  handle: async ({ api, params: { source_id: id } }) => {
    const record = await api.budget.source(id);
    const grants = await api.budget.grants(id);
    return {
      body: {
        source: sourceAnswer(record, api.clock.now()),
        grants: grants.map((each) => ({
          worker: each.worker,
          job_id: each.jobId,
          priority: each.priority,
          bytes_per_second: each.bytesPerSecond,
          lanes: each.lanes,
          read_latency_p95_ms: each.readLatencyP95Ms,
          expires_at: instantText(each.expiresAt),
        })),
      },
    };
  },
});

export const putSourceRoute = route({
  ...words,
  id: "putSource",
  method: "PUT",
  path: "/sources/{source_id}",
  summary: "Make a source, or change what may be read of it",
  description: "A cap that is lowered binds each worker with its next heartbeat, and all of them after 30 s.",
  role: "admin",
  statuses: { 200: "The source as it is now." },
  params,
  body: sourceBody,
  answer: source,
  handle: async ({ api, params: { source_id: id }, body }) => ({
    body: sourceAnswer(await api.budget.putSource(limitsOf(id, body)), api.clock.now()),
  }),
});

export const removeSourceRoute = route({
  ...words,
  id: "removeSource",
  method: "DELETE",
  path: "/sources/{source_id}",
  summary: "Forget a source, with its history",
  role: "admin",
  statuses: { 200: "It is gone." },
  params,
  answer: z.strictObject({ source_id: sourceId }),
  handle: async ({ api, params: { source_id: id } }) => {
    await api.budget.removeSource(id);
    return { body: { source_id: id } };
  },
});

export const budgetRoute = route({
  ...words,
  id: "getBudgetHistory",
  method: "GET",
  path: "/sources/{source_id}/budget",
  summary: "Show what was granted of a source, the newest first",
  role: "viewer",
  statuses: { 200: "One record for each change, and one for each minute in which anybody read." },
  params,
  query: z.strictObject({ limit: z.coerce.number().int().min(1).max(10_080).default(60) }),
  answer: history,
  handle: async ({ api, params: { source_id: id }, query: { limit } }) => {
    // One that is not there is named as such; the history of one that is may be empty.
    await api.budget.source(id);
    const found = await api.budget.history(id, limit);
    return {
      body: {
        source_id: id,
        budget: found.map((record) => ({
          at: instantText(record.at),
          cap_bytes_per_second: record.capBytesPerSecond,
          granted_bytes_per_second: record.grantedBytesPerSecond,
          lanes_allowed: record.lanesAllowed,
          workers: record.workers,
          why: record.why,
        })),
      },
    };
  },
});
