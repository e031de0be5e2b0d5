import { z } from "zod";
import { roles } from "../../ports/access.ts";
import { after, nextCursor, numberCursor, numberOf, pageQuery } from "../cursor.ts";
import { route } from "../route.ts";
import { count, instant, workers } from "../shapes.ts";
import { instantText } from "../units.ts";

export const workersRoute = route({
  id: "listWorkers",
  method: "GET",
  path: "/workers",
  tag: "Fleet",
  summary: "List the workers of the fleet",
  role: "viewer",
  statuses: { 200: "All that were seen within the last day." },
  params: null,
  query: null,
  body: null,
  answer: workers,
  handle: async ({ api }) => {
    const found = await api.store.workers();
    return {
      body: {
        workers: found.map(({ id, startedAt, seenAt, host, version, lanes, state, failure }) => ({
          worker_id: id,
          host,
          version,
          lanes,
          started_at: instantText(startedAt),
          seen_at: instantText(seenAt),
          state,
          failure: failure?.toWellFormed() ?? null,
        })),
      },
    };
  },
});

const audit = z
  .strictObject({
    audit: z.array(
      z.strictObject({
        audit_id: count,
        at: instant,
        request_id: z.string(),
        token_id: z.string().nullable(),
        actor: z.string().describe("the token's name"),
        role: z.enum(roles),
        action: z.string().describe("the operation, as this document names it"),
        job_id: z.string().nullable(),
        request: z.string().describe("what was asked, as JSON; cut off where it is long"),
        remote: z.string().describe("the address from which the request came"),
        status: z.int().nullable().describe("of the answer; null: the server ended before it knew"),
      }),
    ),
    next_cursor: nextCursor,
  })
  .meta({ id: "Audit", description: "Who changed what, and who was not allowed to." });

export const auditRoute = route({
  id: "listAudit",
  method: "GET",
  path: "/audit",
  tag: "Access",
  summary: "Show the audit log, the newest first",
  role: "admin",
  statuses: { 200: "A page of the log." },
  params: null,
  query: z.strictObject(pageQuery(100, 1_000)),
  body: null,
  answer: audit,
  handle: async ({ api, query: { limit, cursor } }) => {
    const found = await api.access.audit(numberOf(cursor), limit);
    return {
      body: {
        audit: found.map((record) => ({
          audit_id: record.id,
          at: instantText(record.at),
          request_id: record.requestId,
          token_id: record.tokenId,
          actor: record.actor,
          role: record.role,
          action: record.action,
          job_id: record.jobId,
          request: record.detail,
          remote: record.remote,
          status: record.status,
        })),
        next_cursor: after(found, limit, (last) => numberCursor(last.id)),
      },
    };
  },
});
