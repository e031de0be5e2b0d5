/** What the server says of itself: whether it can serve and what it offers, to everybody; its numbers, to a viewer. */
import { z } from "zod";
import { toGodwitError } from "../../base/errors.ts";
import type { OpenApiDocument } from "../openapi.ts";
import { referencePage } from "../reference-page.ts";
import { type Route, route } from "../route.ts";
import { apiVersion, serverShape } from "../shapes.ts";

const health = z
  .strictObject({
    status: z.enum(["ok", "unavailable"]),
    version: z.string(),
    store: z.enum(["ok", "unavailable"]).describe("whether the store answers"),
  })
  .meta({ id: "Health" });

const words = { method: "GET", tag: "Server", role: null, params: null, query: null, body: null } as const;

export const healthRoute = route({
  ...words,
  id: "getHealth",
  path: "/healthz",
  summary: "Say whether the server can serve",
  statuses: { 200: "It can.", 503: "The store does not answer: nothing can be served." },
  answer: health,
  handle: async ({ api }) => {
    try {
      await api.overview.jobs({ after: null, limit: 1, status: null });
      return { body: { status: "ok", version: api.version, store: "ok" } as const };
    } catch (error) {
      if (toGodwitError(error).code === "internal") throw error;
      return { status: 503, body: { status: "unavailable", version: api.version, store: "unavailable" } as const };
    }
  },
});

export const serverRoute = route({
  ...words,
  id: "getServer",
  path: "/server",
  summary: "Say which version the server has, and what the token may do",
  role: "viewer",
  statuses: { 200: "Both." },
  answer: serverShape,
  handle: ({ api, caller }) =>
    Promise.resolve({ body: { version: api.version, api_version: apiVersion, role: caller.role } }),
});

export const metricsRoute = route({
  ...words,
  tag: "Fleet",
  id: "getMetrics",
  path: "/metrics",
  summary: "This server's numbers, and the fleet's, for Prometheus",
  description: "In the text format of Prometheus. What is told of the fleet is looked up at most every 5 s.",
  role: "viewer",
  media: "text/plain",
  statuses: { 200: "All metrics." },
  answer: z.string(),
  handle: async ({ api }) => ({ body: await api.metrics() }),
});

export function documentRoutes(document: () => OpenApiDocument): readonly Route[] {
  return [
    route({
      ...words,
      id: "getOpenApi",
      path: "/openapi.json",
      summary: "This document",
      statuses: { 200: "OpenAPI 3.1." },
      answer: z.record(z.string(), z.unknown()),
      handle: async () => ({ body: document() }),
    }),
    route({
      ...words,
      id: "getDocs",
      path: "/docs",
      summary: "This document as a page to read",
      media: "text/html",
      statuses: { 200: "A page without scripts." },
      answer: z.string(),
      handle: async () => {
        const { text, contentSecurityPolicy } = referencePage(document());
        return { body: text, headers: { "content-security-policy": contentSecurityPolicy } };
      },
    }),
  ];
}
