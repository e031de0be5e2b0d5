/** COPY from one database into another in the server's own frames, on a real server. */
import { createHash } from "node:crypto";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { type Copied, CopyError, CopyIn, copyOut } from "../../src/connectors/postgres/copy.ts";
import { message } from "../../src/pgwire/messages.ts";
import { never } from "../conformance/place.ts";
import { until } from "../testbed/server-process.ts";
import { describeOnPostgres, type PostgresSuite } from "../testbed/suites.ts";

const rowCount = 60_000;
const formats = ["text", "binary"] as const;

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  // A session that breaks is met where it is used.
  client.on("error", () => undefined);
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return client;
}

async function twoDatabases(postgres: PostgresSuite) {
  const url = await postgres.database();
  const [from, to] = [await connect(url), await connect(await postgres.database())];
  const table = "create table t (id bigint primary key, name text, big numeric, at timestamptz, raw bytea, list int[])";
  await from.query(table);
  await to.query(table);
  await from.query(
    `insert into t select i, case when i % 7 = 0 then null else repeat('é' || i, 1 + i % 40) end, i / 7.0,
     timestamptz '2000-01-01' + i * interval '1 minute', decode(md5(i::text), 'hex'), array[i, null]
     from generate_series(1, ${rowCount}) i`,
  );
  return { from, to, url };
}

async function digestOf(client: pg.Client, format: string): Promise<string> {
  const hash = createHash("sha256");
  const statement = `copy (select * from t order by id) to stdout (format ${format})`;
  for await (const bytes of copyOut(client, statement, never)) hash.update(bytes);
  return hash.digest("hex");
}

async function pipe(from: pg.Client, to: pg.Client, format: string): Promise<[string, Copied, Copied]> {
  const hash = createHash("sha256");
  using copy = await CopyIn.begin(to, `copy t from stdin (format ${format})`);
  const rows = copyOut(from, `copy (select * from t order by id) to stdout (format ${format})`, never);
  try {
    for (;;) {
      const next = await rows.next();
      if (next.done === true) return [hash.digest("hex"), next.value, await copy.finish()];
      hash.update(next.value);
      await copy.write(next.value);
    }
  } finally {
    await rows.return({ rows: 0 });
  }
}

function line(text: string): Uint8Array {
  return message("d", Buffer.from(`${text}\n`));
}

async function countOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ count: string }>("select count(*) from t");
  return Number(rows[0]?.count);
}

describeOnPostgres("COPY", (postgres) => {
  test.for(formats)("%s rows arrive as they are, and read back as the same bytes", async (format) => {
    const { from, to } = await twoDatabases(postgres);
    const [sent, out, landed] = await pipe(from, to, format);
    expect([out.rows, landed.rows]).toEqual([rowCount, rowCount]);
    expect(await digestOf(to, format)).toBe(sent);
    expect(await countOf(to), "the session answers as before").toBe(rowCount);
    await to.query("update t set big = big + 1 where id = 31415");
    expect(await digestOf(to, format), "one changed value").not.toBe(sent);
  });

  test("what the server says against a statement is told with its code, and the session goes on", async () => {
    const { from, to } = await twoDatabases(postgres);
    await expect(Array.fromAsync(copyOut(from, "copy absent to stdout", never))).rejects.toMatchObject({
      server: { code: "42P01", message: 'relation "absent" does not exist' },
    });
    await expect(CopyIn.begin(to, "copy absent from stdin")).rejects.toThrow(CopyError);
    expect([await countOf(from), await countOf(to)]).toEqual([rowCount, 0]);
    using copy = await CopyIn.begin(to, "copy t (id) from stdin");
    await copy.write(line("1"));
    await copy.write(line("1"));
    await expect(copy.finish()).rejects.toMatchObject({ server: { code: "23505", constraint: "t_pkey" } });
    copy[Symbol.dispose]();
    expect(await countOf(to), "all that was written was whole").toBe(0);
  });

  test("rows that the server refuses in mid-copy, and an input that is given up, end the session and leave nothing", async () => {
    const { from, to, url } = await twoDatabases(postgres);
    await to.query("alter table t add check (id <> 4711)");
    await expect(pipe(from, to, "binary")).rejects.toMatchObject({
      server: { code: "23514", table: "t", where: expect.stringContaining("COPY t, line 4711") as unknown },
    });
    await expect(countOf(to)).rejects.toThrow(/not queryable|terminated/);
    const again = await connect(url);
    await again.query("truncate t");
    {
      using copy = await CopyIn.begin(again, "copy t (id) from stdin");
      await copy.write(line("1"));
      await copy.write(line("2").subarray(0, 6));
    }
    await expect(countOf(again)).rejects.toThrow(/not queryable|terminated/);
    expect(await countOf(await connect(url))).toBe(0);
  });

  test("an output that is not wanted any more ends on the server too", async () => {
    const { from, url } = await twoDatabases(postgres);
    const watch = await connect(url);
    const stop = new AbortController();
    const seen: Uint8Array[] = [];
    const statement = "copy (select t.* from t, generate_series(1, 1000)) to stdout";
    const reading = (async () => {
      for await (const bytes of copyOut(from, statement, stop.signal)) if (seen.push(bytes) === 20) stop.abort();
    })();
    await expect(reading).rejects.toThrow("aborted");
    const copying = "select count(*)::int as count from pg_stat_activity where state = 'active' and query like 'copy%'";
    await until(
      async () => (await watch.query<{ count: number }>(copying)).rows[0]?.count === 0,
      () => "it goes on",
      10_000,
    );
  });

  test("whoever pulls slowly makes the server wait, and holds no more than some megabytes", async () => {
    const { from } = await twoDatabases(postgres);
    const rows = copyOut(from, "copy (select t.* from t, generate_series(1, 50)) to stdout", never);
    await rows.next();
    const watch = await connect(postgres.server().url());
    const waits = "select count(*)::int as count from pg_stat_activity where wait_event = 'ClientWrite'";
    await until(
      async () => (await watch.query<{ count: number }>(waits)).rows[0]?.count === 1,
      () => "the server does not wait",
      10_000,
    );
    let held = 0;
    for (let at = 0; at < 100; at += 1) {
      const next = await rows.next();
      if (next.done === true) break;
      held += next.value.length;
    }
    expect(held).toBeGreaterThan(0);
    await rows.return({ rows: 0 });
  });

  test("a session that the server ends in mid-copy is told as broken", async () => {
    const { from, to, url } = await twoDatabases(postgres);
    const watch = await connect(url);
    const { rows: found } = await to.query<{ pid: number }>("select pg_backend_pid() as pid");
    using copy = await CopyIn.begin(to, "copy t (id) from stdin");
    await watch.query("select pg_terminate_backend($1, 5000)", [found[0]?.pid]);
    await expect(copy.finish()).rejects.toThrow(/terminating connection|closed the connection|ECONNRESET|EPIPE/);
    expect(await countOf(from)).toBe(rowCount);
  });
});
