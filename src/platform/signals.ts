/** Signals of monitoring systems and databases. Secrets are fetched for each reading, and appear in no message. */
import { GodwitError } from "../base/errors.ts";
import type { ExternalThreshold, SecretReference } from "../model/threshold.ts";
import type { Signals } from "../ports/signals.ts";
import { readPrometheus } from "./prometheus-signal.ts";
import { readSql } from "./sql-signal.ts";

export interface SignalsOptions {
  /** What a reference stands for. @throws when there is no such secret */
  readonly secret: (reference: SecretReference) => Promise<string>;
}

export function openSignals({ secret }: SignalsOptions): Signals {
  return {
    read: async (threshold, signal) => {
      try {
        const value = await valueOf(threshold, secret, signal);
        if (Number.isFinite(value)) return value;
        throw new Error("the answer is no number");
      } catch (cause) {
        throw unreadable(threshold, cause);
      }
    },
  };
}

async function valueOf(
  threshold: ExternalThreshold,
  secret: SignalsOptions["secret"],
  signal: AbortSignal,
): Promise<number> {
  if (threshold.type === "sql") return readSql(await secret(threshold.urlFrom), threshold.query, signal);
  const { url, query, tokenFrom } = threshold;
  const token = tokenFrom === undefined ? null : await secret(tokenFrom);
  return readPrometheus({ url, query, token }, signal);
}

function unreadable({ name }: ExternalThreshold, cause: unknown): GodwitError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new GodwitError("signal_unreadable", {
    disposition: "retry",
    what: `the signal ${name} cannot be read (${why})`,
    hint: "Run its query by hand from this host. After three failures in a row it counts as above its threshold.",
  });
}
