/** What tells that a source has enough: each signal has a value above which the fleet backs off. */
import { GodwitError } from "../base/errors.ts";

/** `env:NAME` or `file:/path`: where a secret is to be found; never the secret itself. */
export type SecretReference = string;

export type Threshold =
  /** The worst p95 of the fleet's own reads, over the last heartbeat of each worker. */
  | { readonly type: "read_latency"; readonly name: string; readonly above: number }
  /** The greatest value of an instant query, such as of CPU or replication lag. */
  | {
      readonly type: "prometheus";
      readonly name: string;
      /** Of the server, as far as `/api/v1`. */
      readonly url: string;
      readonly query: string;
      readonly tokenFrom?: SecretReference;
      readonly above: number;
    }
  /** The first column of the first row of a query on PostgreSQL. */
  | {
      readonly type: "sql";
      readonly name: string;
      /** Where the URL of the database stands: it may hold a password. */
      readonly urlFrom: SecretReference;
      readonly query: string;
      readonly above: number;
    };

/** Read from outside; the others are the fleet's own. */
export type ExternalThreshold = Extract<Threshold, { type: "prometheus" | "sql" }>;

/** @throws config_invalid */
export function checkThresholds(source: string, thresholds: readonly Threshold[]): void {
  const names = new Set<string>();
  for (const threshold of thresholds) {
    const { name, above } = threshold;
    const fail = (what: string, hint: string): GodwitError =>
      new GodwitError("config_invalid", {
        disposition: "rejected",
        what: `the threshold "${name}" of the source ${source} ${what}`,
        hint,
      });
    if (name.trim() === "" || name.length > 63) throw fail("has no name", "Give it one of up to 63 characters.");
    if (names.has(name)) throw fail("stands there twice", "Names tell them apart in the history.");
    names.add(name);
    if (!Number.isFinite(above)) throw fail("has no number to pass", "Give `above` as a number.");
    if (threshold.type === "read_latency" && above <= 0)
      throw fail("is always passed", "Give it as milliseconds above 0.");
    if (threshold.type !== "read_latency" && threshold.query.trim() === "") throw fail("has no query", "Give one.");
    if (threshold.type === "prometheus" && !/^https?:\/\/[^\s@]+$/.test(threshold.url))
      throw fail("has no URL of a server", "Write it as http://prometheus:9090; a token goes into tokenFrom.");
    const secret = threshold.type === "prometheus" ? threshold.tokenFrom : undefined;
    const reference = threshold.type === "sql" ? threshold.urlFrom : secret;
    if (reference !== undefined && !/^(env:[A-Za-z_]\w*|file:\/.+)$/.test(reference))
      throw fail("names its secret in a way that is not known", "Write env:NAME or file:/path.");
  }
}
