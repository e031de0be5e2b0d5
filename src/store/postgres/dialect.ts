/**
 * Kysely over a pool of `pg`: Kysely's own PostgreSQL dialect, but for two things that a queue feels. Statements are
 * prepared once per connection, and those that are sent together travel together (`pipeline`), each waiting for its turn
 * on the server alone.
 */
import type { Pool, PoolClient } from "pg";
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
} from "kysely";

/** A server keeps the plans of each connection: inserts of many rows have a text for each number of rows. */
const preparedMax = 300;

export function postgresDialect(pool: Pool): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PooledDriver(pool),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

class PooledDriver implements Driver {
  readonly #pool: Pool;
  readonly #known = new WeakMap<PoolClient, PooledConnection>();

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PooledConnection> {
    const client = await this.#pool.connect();
    const known = this.#known.get(client);
    if (known !== undefined) return known;
    const connection = new PooledConnection(client);
    this.#known.set(client, connection);
    return connection;
  }

  async beginTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("begin"));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("commit"));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw("rollback"));
  }

  async releaseConnection(connection: PooledConnection): Promise<void> {
    connection.release();
  }

  async destroy(): Promise<void> {
    await this.#pool.end();
  }
}

class PooledConnection implements DatabaseConnection {
  readonly #client: PoolClient;
  readonly #names = new Map<string, string>();
  /** What became of the connection is not known: nobody else gets it. */
  #broken: Error | null = null;

  constructor(client: PoolClient) {
    this.#client = client;
    client.on("error", (error) => {
      this.#broken = error;
    });
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const name = parameters.length === 0 ? undefined : this.#nameOf(sql);
    try {
      const result = await this.#client.query({
        text: sql,
        values: [...parameters],
        ...(name !== undefined && { name }),
      });
      // Several statements in one text have several answers: the last one is asked for.
      const last = Array.isArray(result) ? result.at(-1) : result;
      return { rows: last.rows as R[], numAffectedRows: BigInt(last.rowCount ?? 0) };
    } catch (error) {
      // The server answers with a code; everything else happened on the way.
      if (error instanceof Error && !isAnswer(error)) this.#broken = error;
      throw error;
    }
  }

  streamQuery(): never {
    throw new Error("the Store reads by pages");
  }

  release(): void {
    this.#client.release(this.#broken ?? undefined);
  }

  #nameOf(sql: string): string | undefined {
    const known = this.#names.get(sql);
    if (known !== undefined) return known;
    if (this.#names.size >= preparedMax) return undefined;
    const name = `godwit_${this.#names.size}`;
    this.#names.set(sql, name);
    return name;
  }
}

/** SQLSTATE: five letters or digits. Class 57 are the server's own goodbyes, after which it hangs up. */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string") return null;
  return /^[0-9A-Z]{5}$/.test(error.code) && "severity" in error ? error.code : null;
}

function isAnswer(error: Error): boolean {
  const state = sqlStateOf(error);
  return state !== null && !state.startsWith("57P") && !state.startsWith("08");
}
