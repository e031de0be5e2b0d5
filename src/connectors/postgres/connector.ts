/** PostgreSQL databases, `postgres://user@host:port/database`. */
import type { Connector } from "../../ports/connector.ts";
import { diagnose, diagnoseAcross } from "./diagnose.ts";
import { placeOf } from "./place.ts";
import { Session } from "./session.ts";
import { PostgresSource } from "./source.ts";
import { Steps } from "./steps.ts";
import { PostgresTarget } from "./target.ts";

export const postgresConnector: Connector = {
  scheme: "postgres:",
  openSource: async (url, options) => {
    const source = new PostgresSource(placeOf(url), options);
    await source.open();
    return source;
  },
  openTarget: async (url, options) => {
    const target = new PostgresTarget(placeOf(url), options);
    await target.open();
    return target;
  },
  diagnose,
  diagnoseAcross,
  forgetJob: async (url, jobId, signal) => {
    await using session = new Session(placeOf(url), "target");
    await session.transaction("", signal, async (client) => {
      const steps = new Steps(client, jobId);
      if (await steps.isMade()) await steps.clear();
    });
  },
  // What a job leaves on a target is a table of its own there, which goes with its end.
  sweep: async function* () {},
};
