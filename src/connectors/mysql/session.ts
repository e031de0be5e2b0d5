/** One session with a server, opened when it is first needed, and anew after it broke. */
import { setTimeout as sleep } from "node:timers/promises";
import { type Connection, createConnection, type RowDataPacket } from "mysql2";
import { GodwitError } from "../../base/errors.ts";
import { translate } from "./errors.ts";
import { type DatabasePlace, loginOf } from "./place.ts";

/**
 * What a value looks like must not depend on the server. No mode at all: dates of zeros are given as they are stored, and
 * `char` is not padded. A session in UTC gives a timestamp as the moment that it is.
 */
const settings = [
  "set names utf8mb4",
  "set session time_zone = '+00:00'",
  "set session sql_mode = ''",
  "set session group_concat_max_len = 1048576",
  "set session net_write_timeout = 3600",
  "set session wait_timeout = 86400",
  "set session transaction isolation level repeatable read",
];

/** Settings that only one of the two engines knows: the other refuses them. */
const oneEngineSettings = {
  mariadb: ["set session max_statement_time = 0", "set session sql_quote_show_create = 1"],
  mysql: ["set session max_execution_time = 0", "set session information_schema_stats_expiry = 0"],
};

const connectTimeoutMs = 10_000;
/** A server that has answered before is waited for: it restarts, or the network is cut. */
const awayMsMax = 10 * 60_000;
const lookMs = { first: 100, most: 5_000 };

export class Session implements AsyncDisposable {
  readonly #place: DatabasePlace;
  #connection: Connection | null = null;
  #hasAnswered = false;

  constructor(place: DatabasePlace) {
    this.#place = place;
  }

  get where(): string {
    return this.#place.location;
  }

  get database(): string {
    return this.#place.database;
  }

  /**
   * @param signal ends the wait for a server that has answered before and does not now
   * @throws credentials_rejected, source_missing, store_unreachable …
   */
  async connection(signal?: AbortSignal): Promise<Connection> {
    if (this.#connection !== null) return this.#connection;
    let waitMs = lookMs.first;
    for (let waitedMs = 0; ; waitedMs += waitMs) {
      try {
        this.#connection = await this.#login();
        this.#hasAnswered = true;
        return this.#connection;
      } catch (error) {
        const mayComeBack = this.#hasAnswered && error instanceof GodwitError && error.disposition === "retry";
        if (!mayComeBack || waitedMs >= awayMsMax) throw error;
      }
      await sleep(waitMs, undefined, { signal });
      waitMs = Math.min(lookMs.most, 2 * waitMs);
    }
  }

  async #login(): Promise<Connection> {
    const { host, port, database, tls } = this.#place;
    const { user, password } = loginOf(this.#place);
    const connection = createConnection({
      host,
      port,
      user,
      database,
      ...(password === null ? {} : { password }),
      ...(tls === "off" ? {} : { ssl: { rejectUnauthorized: tls === "verified", verifyIdentity: tls === "verified" } }),
      connectTimeout: connectTimeoutMs,
      charset: "utf8mb4_bin",
      // A server must not ask for files of this machine.
      flags: ["-LOCAL_FILES"],
      supportBigNumbers: true,
      dateStrings: true,
    });
    // Whoever uses it hears of it too; a session that breaks while it is idle is opened anew.
    connection.on("error", () => this.#forget(connection));
    connection.on("end", () => this.#forget(connection));
    try {
      const [row] = await ask<{ version: string }>(connection, "select version() as version", []);
      const engine = row?.version.includes("MariaDB") === true ? "mariadb" : "mysql";
      for (const setting of [...settings, ...oneEngineSettings[engine]]) await ask(connection, setting, []);
    } catch (error) {
      connection.destroy();
      throw translate(error, this.where);
    }
    return connection;
  }

  /** @throws what the server says, in our words */
  async rows<R>(text: string, values: readonly (string | number)[] = [], signal?: AbortSignal): Promise<readonly R[]> {
    const connection = await this.connection(signal);
    try {
      return await ask<R>(connection, text, values);
    } catch (error) {
      throw translate(error, this.where);
    }
  }

  /** Ends what a session does on its server, which would not notice a closed socket before the end of its statement. */
  async terminate(connection: Connection): Promise<void> {
    const id = connection.threadId;
    this.#forget(connection);
    connection.destroy();
    await using other = new Session(this.#place);
    // One that is gone already cannot be ended; the socket is closed either way.
    await other.rows(`kill connection ${id}`).catch(() => undefined);
  }

  [Symbol.asyncDispose](): Promise<void> {
    const connection = this.#connection;
    this.#connection = null;
    if (connection === null) return Promise.resolve();
    return new Promise((resolve) => connection.end(() => resolve()));
  }

  #forget(connection: Connection): void {
    if (this.#connection === connection) this.#connection = null;
  }
}

function ask<R>(connection: Connection, text: string, values: readonly (string | number)[]): Promise<readonly R[]> {
  return new Promise((resolve, reject) => {
    connection.query<RowDataPacket[]>(text, [...values], (error, rows) => {
      if (error === null) resolve(rows as unknown as readonly R[]);
      else reject(error);
    });
  });
}
