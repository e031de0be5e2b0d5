/**
 * Suites that need real servers. A suite names them by `describeOnServers`; what is absent is skipped by name with the
 * command that installs it, or fails when GODWIT_REQUIRE_SERVERS=1.
 */
import { afterAll, beforeAll, describe, test } from "vitest";
import type { DatabaseServer } from "./database-server.ts";
import { startMariadb } from "./mariadb.ts";
import { type PostgresOptions, startPostgres } from "./postgres.ts";
import { startS3Proxy, type S3Proxy } from "./s3-proxy.ts";
import { s3ServerNames, startS3Server, type S3Server, type S3ServerName } from "./servers.ts";
import { tempDir } from "./temp-dir.ts";
import { absent, isInstalled, serversRequired, type ToolName } from "./tools.ts";

/** What a suite is given: one server for all of its cases, and what each case may take from it. */
export interface S3Suite {
  readonly name: S3ServerName;
  /** Only inside a test or a hook. */
  server(): S3Server;
  /** A new empty bucket. */
  bucket(): Promise<string>;
  /** A proxy before the server; ends with the suite at the latest. */
  proxy(): Promise<S3Proxy>;
}

export interface SuiteNeeds {
  readonly servers?: readonly S3ServerName[];
  /** Other tools that the cases cannot do without. */
  readonly tools?: readonly ToolName[];
}

/** One suite per server, named `title [server]`. */
export function describeOnServers(title: string, cases: (s3: S3Suite) => void, needs: SuiteNeeds = {}): void {
  for (const name of needs.servers ?? s3ServerNames) {
    describeWithTools(`${title} [${name}]`, [name, ...(needs.tools ?? [])], () => cases(provideServer(name)));
  }
}

/** A suite that is skipped, with the command that installs it, when one of the tools is absent. */
export function describeWithTools(title: string, tools: readonly ToolName[], cases: () => void): void {
  const missing = tools.find((tool) => !isInstalled(tool));
  describe(title, () => {
    if (missing === undefined) cases();
    else if (serversRequired()) {
      test(absent(missing), () => {
        throw new Error(absent(missing));
      });
    } else test.skip(absent(missing), () => undefined);
  });
}

/** What a suite on a database server is given. */
export interface DatabaseSuite {
  /** Only inside a test or a hook. */
  server(): DatabaseServer;
  /** The URL of a new empty database. */
  database(): Promise<string>;
}

export type PostgresSuite = DatabaseSuite;

/** A suite with a PostgreSQL server of its own; of Debian's newest version unless another is named. */
export function describeOnPostgres(
  title: string,
  cases: (postgres: PostgresSuite) => void,
  options: Omit<PostgresOptions, "dir"> = {},
): void {
  const tool = options.major === undefined ? "postgresql" : (`postgresql${options.major}` as const);
  describeWithTools(`${title} [${tool}]`, [tool], () =>
    cases(provideDatabases(() => startPostgres({ dir: tempDir("postgres"), ...options }))),
  );
}

/** A suite with a MariaDB server of its own. */
export function describeOnMariadb(title: string, cases: (mariadb: DatabaseSuite) => void): void {
  describeWithTools(`${title} [mariadb]`, ["mariadb"], () =>
    cases(provideDatabases(() => startMariadb({ dir: tempDir("mariadb") }))),
  );
}

function provideDatabases(start: () => Promise<DatabaseServer>): DatabaseSuite {
  let server: DatabaseServer | null = null;
  let databases = 0;
  const get = (): DatabaseServer => {
    if (server === null) throw new Error("the server runs only inside tests and hooks");
    return server;
  };
  beforeAll(async () => {
    server = await start();
  });
  afterAll(async () => {
    await server?.stop();
  });
  return {
    server: get,
    database: () => {
      databases += 1;
      return get().database(`test_${databases}`);
    },
  };
}

function provideServer(name: S3ServerName): S3Suite {
  let server: S3Server | null = null;
  const proxies: S3Proxy[] = [];
  let buckets = 0;
  const get = (): S3Server => {
    if (server === null) throw new Error("the server runs only inside tests and hooks");
    return server;
  };
  beforeAll(async () => {
    server = await startS3Server(name, { dir: tempDir(name) });
  });
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()));
    await server?.stop();
  });
  return {
    name,
    server: get,
    bucket: async () => {
      buckets += 1;
      return get().bucket(`bucket-${buckets}`);
    },
    proxy: async () => {
      const proxy = await startS3Proxy(get());
      proxies.push(proxy);
      return proxy;
    },
  };
}
