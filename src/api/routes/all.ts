import { openApiDocument, type OpenApiDocument } from "../openapi.ts";
import type { Route } from "../route.ts";
import { attemptsRoute, checkpointRoute, chunkMapRoute, chunksRoute } from "./chunks.ts";
import { cancelRoute, changeRoute, pauseRoute, resumeRoute } from "./control.ts";
import { eventsRoute } from "./events.ts";
import { auditRoute, workersRoute } from "./fleet.ts";
import { listRoute, statusRoute } from "./migrations.ts";
import { exceptionsRoute, reportRoute } from "./proof.ts";
import { keysRoute, signedReportRoute } from "./signed-report.ts";
import { documentRoutes, healthRoute, metricsRoute, serverRoute } from "./server.ts";
import { budgetRoute, putSourceRoute, removeSourceRoute, sourceRoute, sourcesRoute } from "./sources.ts";
import { submitRoute } from "./submit.ts";
import { makeTokenRoute, revokeTokenRoute, tokensRoute } from "./tokens.ts";

/** In the order in which the document tells them. */
const operations: readonly Route[] = [
  submitRoute,
  listRoute,
  statusRoute,
  eventsRoute,
  changeRoute,
  pauseRoute,
  resumeRoute,
  cancelRoute,
  reportRoute,
  exceptionsRoute,
  signedReportRoute,
  keysRoute,
  chunksRoute,
  chunkMapRoute,
  attemptsRoute,
  checkpointRoute,
  sourcesRoute,
  sourceRoute,
  putSourceRoute,
  removeSourceRoute,
  budgetRoute,
  workersRoute,
  auditRoute,
  tokensRoute,
  makeTokenRoute,
  revokeTokenRoute,
  serverRoute,
  healthRoute,
  metricsRoute,
];

export interface ApiRoutes {
  readonly routes: readonly Route[];
  readonly document: OpenApiDocument;
}

/** @param offers `metrics`: nothing but what a monitoring system asks of a process */
export function apiRoutes(version: string, offers: "all" | "metrics" = "all"): ApiRoutes {
  const routes = offers === "metrics" ? [metricsRoute] : [...operations, ...documentRoutes(() => document)];
  const document = openApiDocument(routes, version);
  return { routes, document };
}
