/** One session with a server, opened when it is first needed, and anew after it broke. */
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { GodwitError } from "../../base/errors.ts";
import type { DatabasePlace } from "./place.ts";
import { translate } from "./errors.ts";
import { RowSocket } from "./row-socket.ts";

/**
 * What a value looks like as text must not depend on the server, and nothing may be filtered without a word: with
 * `row_security` off, a table that would be is refused.
 */
const settings = `set client_encoding = 'UTF8'; set search_path = ''; set datestyle = 'ISO, YMD';
  set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 3; set bytea_output = 'hex';
  set lc_monetary = 'C'; set xmloption = 'content'; set row_security = off; set statement_timeout = 0;
  set lock_timeout = 0; set idle_in_transaction_session_timeout = 0`;

const connectTimeoutMs = 10_000;
/** A server that has answered before is waited for: it restarts, or the network is cut. */
const awayMsMax = 10 * 60_000;
const lookMs = { first: 100, most: 5_000 };
/** Numbers of the catalog are counts and bytes: all below 2^53. */
const int8 = 20;

export class Session implements AsyncDisposable {
  readonly #place: DatabasePlace;
  readonly #role: "source" | "target";
  #client: pg.Client | null = null;
  #hasAnswered = false;

  /** @param role for words about a database that is not there */
  constructor(place: DatabasePlace, role: "source" | "target") {
    this.#place = place;
    this.#role = role;
  }

  get where(): string {
    return this.#place.location;
  }

  /**
   * @param signal ends the wait for a server that has answered before and does not now
   * @throws credentials_rejected, source_missing, store_unreachable …
   */
  async client(signal?: AbortSignal): Promise<pg.Client> {
    if (this.#client !== null) return this.#client;
    let waitMs = lookMs.first;
    for (let waitedMs = 0; ; waitedMs += waitMs) {
      try {
        this.#client = await this.#login();
        this.#hasAnswered = true;
        return this.#client;
      } catch (error) {
        const mayComeBack = this.#hasAnswered && error instanceof GodwitError && error.disposition === "retry";
        if (!mayComeBack || waitedMs >= awayMsMax) throw error;
      }
      await sleep(waitMs, undefined, { signal });
      waitMs = Math.min(lookMs.most, 2 * waitMs);
    }
  }

  async #login(): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.#place.url,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      stream: () => new RowSocket(),
      application_name: "godwit",
      types: { getTypeParser: (oid: number) => (oid === int8 ? Number : String) },
    });
    // Whoever uses it hears of it too; a session that breaks while it is idle is opened anew.
    client.on("error", () => this.#forget(client));
    client.on("end", () => this.#forget(client));
    try {
      await client.connect();
      await client.query(settings);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw translate(error, this.where, this.#role);
    }
    return client;
  }

  /**
   * Runs it in one transaction, which is taken back when it throws. An abort ends the session, and what it does there.
   * @param begin what follows `begin`
   */
  async transaction<T>(begin: string, signal: AbortSignal, work: (client: pg.Client) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const client = await this.client(signal);
    const onAbort = (): void => void this.terminate(client);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await client.query(`begin ${begin}`);
      const answer = await work(client);
      await client.query("commit");
      return answer;
    } catch (error) {
      if (this.#client === client) await client.query("rollback").catch(() => this.#forget(client));
      signal.throwIfAborted();
      throw translate(error, this.where);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** @throws what the server says, in our words */
  async rows<R extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    signal?: AbortSignal,
  ): Promise<readonly R[]> {
    const client = await this.client(signal);
    try {
      return (await client.query<R>(text, [...values])).rows;
    } catch (error) {
      throw translate(error, this.where);
    }
  }

  /** Ends what a session does on its server, which would not notice a closed socket before the end of its statement. */
  async terminate(client: pg.Client): Promise<void> {
    const { processID: pid } = client as unknown as { readonly processID: number };
    this.#forget(client);
    await using other = new Session(this.#place, this.#role);
    // One that is gone already cannot be ended; the socket is closed either way.
    await other.rows("select pg_terminate_backend($1)", [pid]).catch(() => undefined);
    await client.end().catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.end().catch(() => undefined);
  }

  #forget(client: pg.Client): void {
    if (this.#client === client) this.#client = null;
  }
}
