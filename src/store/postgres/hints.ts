/**
 * Hints over PostgreSQL's LISTEN and NOTIFY: said on whatever connection is free, outside of any transaction of ours
 * (a notification takes a lock of the whole server when its transaction commits), heard on a connection of its own. A
 * pooler that gives each transaction another session loses them: then everybody looks by itself.
 */
import { Socket } from "node:net";
import { type Kysely, sql } from "kysely";
import pg from "pg";
import type { Hint, Hints } from "../../ports/hints.ts";
import type { Database } from "../schema.ts";

const channel = "godwit";
const connectTimeoutMs = 10_000;

export class PostgresHints implements Hints {
  readonly #db: Kysely<Database>;
  readonly #url: string;

  constructor(db: Kysely<Database>, url: string) {
    this.#db = db;
    this.#url = url;
  }

  say({ about, jobId }: Hint): void {
    // Whoever does not hear it looks by itself.
    sql`select pg_notify(${channel}, ${`${about} ${jobId}`})`.execute(this.#db).catch(() => undefined);
  }

  async listen(onHint: (hint: Hint) => void, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    // Ours to destroy: on a wire that is cut nothing would answer a farewell.
    const socket = new Socket();
    const client = new pg.Client({
      connectionString: this.#url,
      stream: () => socket,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      application_name: "godwit hints",
    });
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    client.on("end", () => resolve());
    client.on("error", () => resolve());
    client.on("notification", ({ payload }) => {
      const hint = hintOf(payload);
      if (hint !== null) onHint(hint);
    });
    const abort = (): void => resolve();
    signal.addEventListener("abort", abort);
    try {
      await client.connect();
      await client.query(`listen ${channel}`);
      await ended;
    } catch {
      // As if it had ended: whoever wants to hear asks again.
    } finally {
      signal.removeEventListener("abort", abort);
      socket.destroy();
    }
  }
}

/** Null for what another version or program said. */
function hintOf(payload = ""): Hint | null {
  const [about, jobId] = payload.split(" ");
  return (about === "job" || about === "idle") && jobId !== undefined ? { about, jobId } : null;
}
