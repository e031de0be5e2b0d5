import { GodwitError } from "../base/errors.ts";
import type { Connector } from "../ports/connector.ts";

/** Loaded when a place of theirs is named: a copy between directories never loads an S3 client. */
const loaders: Readonly<Record<string, () => Promise<Connector>>> = {
  "file:": async () => (await import("../connectors/fs/connector.ts")).fsConnector,
  "s3:": async () => (await import("../connectors/s3/connector.ts")).s3Connector,
  "postgres:": async () => (await import("../connectors/postgres/connector.ts")).postgresConnector,
  "memory:": async () => (await import("../connectors/memory/connector.ts")).memoryConnector,
};

export async function connectorFor(url: string): Promise<Connector> {
  const scheme = url.slice(0, url.indexOf(":") + 1);
  const load = loaders[scheme];
  if (load === undefined) {
    throw new GodwitError("usage", {
      disposition: "fatal",
      what: `nothing here speaks ${scheme === "" ? url : scheme}`,
      hint: "Name a path, or a URL that begins with file:, s3: or postgres:.",
    });
  }
  return load();
}
