/** A database behind TLS: the server's certificate is checked as the URL asks for, by the lanes and by `pg_dump`. */
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { authority, type Certificate } from "../testbed/certificate.ts";
import { accountOf, folderOf } from "../testbed/database-server.ts";
import { databaseText } from "../testbed/database-text.ts";
import { onDatabase, type PostgresServer, startPostgres } from "../testbed/postgres.ts";
import { godwit } from "../testbed/program.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

/** The server reads its key itself, and refuses one that others may read. */
function giveTo(user: string, { certFile, keyFile }: Certificate): void {
  const { uid, gid } = accountOf(user);
  if (uid !== undefined && gid !== undefined) for (const file of [certFile, keyFile]) chownSync(file, uid, gid);
  chmodSync(keyFile, 0o600);
}

async function startWithTls(dir: string, certificate: Certificate): Promise<PostgresServer> {
  const { certFile, keyFile } = certificate;
  return startPostgres({ dir, settings: { ssl: "on", ssl_cert_file: certFile, ssl_key_file: keyFile } });
}

describeOnPostgres("a database behind TLS", (postgres) => {
  test("is copied through verified connections, and refused by a certificate of somebody else", async () => {
    const dir = tempDir("tls");
    const folder = folderOf(accountOf("postgres"), dir, "certificates");
    const ours = authority(folder);
    const certificate = ours.sign("server", "DNS:localhost,IP:127.0.0.1");
    giveTo("postgres", certificate);
    await using server = await startWithTls(dir, certificate);
    const from = await server.database("secure");
    await onDatabase(from, (client) =>
      client.query(
        "create table t (id int primary key, v text); insert into t select i, repeat(md5(i::text), 50) from generate_series(1, 20000) i",
      ),
    );
    const to = await postgres.database();
    const verified = `${from}?sslmode=verify-full&sslrootcert=${ours.caFile}`;
    const end = await godwit(["copy", verified, to], { state: tempDir("state") });
    expect(end.exitCode, end.stderr).toBe(0);
    expect(databaseText(to)).toEqual(databaseText(from));

    const others = authority(tempDir("others"));
    const refused = await godwit(
      ["copy", `${from}?sslmode=verify-full&sslrootcert=${join(others.caFile)}`, await postgres.database()],
      { state: tempDir("state") },
    );
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("server_untrusted");
  });
});
