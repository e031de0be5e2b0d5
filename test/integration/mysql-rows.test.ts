/** Tables of MariaDB on PostgreSQL: definition, rows, and the digest of both sides, range by range. */
import { createHash } from "node:crypto";
import type pg from "pg";
import { createConnection } from "mysql2/promise";
import { expect, onTestFinished, test } from "vitest";
import { type Table, tables } from "../../src/connectors/mysql/catalog.ts";
import { definitionFor, type MappedDefinition } from "../../src/connectors/mysql/definition.ts";
import { uncarried, zeroDates } from "../../src/connectors/mysql/findings.ts";
import { kindOf, selected } from "../../src/connectors/mysql/column-kinds.ts";
import type { MappedColumn } from "../../src/connectors/mysql/mapping.ts";
import { qualified, tablePath } from "../../src/connectors/mysql/names.ts";
import { placeOf } from "../../src/connectors/mysql/place.ts";
import { type RowBatch, rowsOf } from "../../src/connectors/mysql/rows.ts";
import { Session } from "../../src/connectors/mysql/session.ts";
import { cut, readStatement, sliceOf } from "../../src/connectors/mysql/slices.ts";
import { table as postgresTable } from "../../src/connectors/postgres/catalog.ts";
import { CopyIn, copyOut } from "../../src/connectors/postgres/copy.ts";
import { placeOf as postgresPlace } from "../../src/connectors/postgres/place.ts";
import { Session as PostgresSession } from "../../src/connectors/postgres/session.ts";
import { readStatement as postgresRead, sliceOf as postgresSlice } from "../../src/connectors/postgres/slices.ts";
import { formatDate, formatInstant, formatTime, formatTimestamp } from "../../src/model/civil-time.ts";
import { CanonicalRows } from "../../src/model/canonical-row.ts";
import type { ColumnType } from "../../src/model/column-type.ts";
import { RowDigest } from "../../src/model/row-digest.ts";
import type { Row, RowValue } from "../../src/model/row-value.ts";
import type { SizedRows } from "../../src/model/task.ts";
import { CopyDecoder } from "../../src/pgwire/copy-decode.ts";
import { CopyEncoder } from "../../src/pgwire/copy-encode.ts";
import { CopyRows } from "../../src/pgwire/copy-rows.ts";
import { quotedName } from "../../src/pgwire/quote.ts";
import { castBetween } from "../../src/transform/casts.ts";
import { Unfit } from "../../src/transform/unfit.ts";
import { never } from "../conformance/place.ts";
import { awkwardMysqlTables } from "../testbed/awkward-mysql.ts";
import { describeOnMariadb, describeOnPostgres } from "../testbed/suites.ts";

interface Digest {
  readonly rows: number;
  readonly hex: string;
}

/** Of rows in their canonical form: in order, or in none. */
class Digester {
  rows = 0;
  readonly #form: CanonicalRows;
  readonly #ordered = createHash("sha256");
  readonly #unordered = new RowDigest();
  readonly #isOrdered: boolean;

  constructor(columns: readonly MappedColumn[], isOrdered: boolean) {
    this.#form = new CanonicalRows(columns.map(({ target }) => target.column));
    this.#isOrdered = isOrdered;
  }

  add(row: Row): void {
    const bytes = this.#form.encode(row);
    this.rows += 1;
    if (this.#isOrdered) this.#ordered.update(bytes);
    else this.#unordered.add(bytes);
  }

  end(): Digest {
    const digest = this.#isOrdered ? this.#ordered.digest() : this.#unordered.digest();
    return { rows: this.rows, hex: Buffer.from(digest).toString("hex") };
  }
}

function castsOf(columns: readonly MappedColumn[]): (row: Row) => Row {
  const casts = columns.map(({ kind, target, source }) => {
    if (kind.kind === target.column.kind) return (value: RowValue): RowValue => value;
    // What PostgreSQL has and Godwit has no kind for is a text on both sides.
    const cast = castBetween(kind, target.column);
    if (cast === null) throw new Error(`no cast for ${source.name}`);
    return (value: RowValue): RowValue => {
      const made = cast(value);
      if (made instanceof Unfit) throw new Error(`${source.name}: ${made.what}`);
      return made;
    };
  });
  return (row) => row.map((value, at) => (value === null ? null : (casts[at] as (value: RowValue) => RowValue)(value)));
}

/** Of the server, in words that do not come from the protocol's binary form. */
function askFor(kind: ColumnType, term: string): string {
  switch (kind.kind) {
    case "bytes":
      return `lower(hex(${term}))`;
    case "bits":
      return `lpad(bin(${term} + 0), ${kind.length ?? 1}, '0')`;
    case "float":
      return `cast(cast(${term} as double) as char)`;
    case "integer":
      return `cast(${term} + 0 as char)`;
    default:
      return `cast(${term} as char)`;
  }
}

/** As MariaDB writes it. */
function textOf(value: RowValue, kind: ColumnType): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString("hex");
  if (typeof value === "string") return value;
  const number = value as number;
  const digits = "digits" in kind && kind.digits > 0 ? kind.digits : 0;
  const padded = (text: string): string => {
    const [whole = "", fraction = ""] = text.split(".");
    return digits === 0 ? whole : `${whole}.${fraction.padEnd(digits, "0")}`;
  };
  if (kind.kind === "date") return formatDate(number);
  if (kind.kind === "time") return padded(formatTime(number));
  if (kind.kind === "timestamp") return padded(formatTimestamp(number));
  if (kind.kind === "timestamptz") return padded(formatInstant(number).replace("+00", ""));
  return String(number);
}

interface Pair {
  readonly from: Session;
  readonly to: PostgresSession;
  readonly client: pg.Client;
}

interface Range extends Pair {
  readonly table: Table;
  readonly columns: readonly MappedColumn[];
  readonly range: SizedRows;
}

/** @returns the digest of the rows as sent */
async function send({ from, client, table, columns, range }: Range): Promise<Digest> {
  const digester = new Digester(columns, range.isOrdered);
  const encoder = new CopyEncoder(columns.map(({ target }) => target));
  const cast = castsOf(columns);
  const into = `${quotedName(table.schema)}.${quotedName(table.name)}`;
  const names = columns.map(({ source }) => quotedName(source.name)).join(", ");
  using copy = await CopyIn.begin(client, `copy ${into} (${names}) from stdin (format ${encoder.format})`);
  const statement = readStatement(table, sliceOf(range));
  const kinds = columns.map(({ kind }) => kind);
  for await (const { rows } of rowsOf({ session: from, statement, kinds, signal: never })) {
    for (const row of rows) {
      const sent = cast(row);
      digester.add(sent);
      encoder.add(sent);
    }
    await copy.write(encoder.take() ?? new Uint8Array(0));
  }
  const end = encoder.end();
  if (end !== null) await copy.write(end);
  expect((await copy.finish()).rows).toBe(digester.rows);
  return digester.end();
}

/** @returns the digest of the rows as they are there */
async function readBack({ to, client, table, columns, range }: Range): Promise<Digest> {
  const digester = new Digester(columns, range.isOrdered);
  const decoder = new CopyDecoder(columns.map(({ target }) => target));
  const found = await postgresTable(to, table);
  if (found === null) throw new Error("the table is not there");
  expect(found.columns.map(({ type }) => type)).toEqual(columns.map(({ target }) => target.type));
  const slice = postgresSlice(range);
  expect(slice.format).toBe(decoder.format);
  const rows = new CopyRows(decoder.format, (row) => digester.add(decoder.decode(row)));
  for await (const bytes of copyOut(client, postgresRead(found, slice), never)) rows.push(bytes);
  rows.end();
  return digester.end();
}

/** @returns how many ranges and rows were the same */
async function copyTable(
  pair: Pair,
  { table, mapped, chunkBytes }: { table: Table; mapped: MappedDefinition; chunkBytes: number },
): Promise<readonly Digest[]> {
  const columns = mapped.columns.get(tablePath(table)) ?? [];
  const ranges = await cut(pair.from, table, { chunkBytes, columns }, never);
  const sent: Digest[] = [];
  for (const range of ranges) sent.push(await send({ ...pair, table, columns, range }));
  await pair.client.query(mapped.definition.tables.get(tablePath(table)) ?? "");
  const back: Digest[] = [];
  for (const range of ranges) back.push(await readBack({ ...pair, table, columns, range }));
  expect(back, table.name).toEqual(sent);
  return sent;
}

async function openPair(from: string, to: string): Promise<Pair> {
  const url = new URL(from);
  process.env["MYSQL_PWD"] = url.password;
  url.password = "";
  const pair = { from: new Session(placeOf(url.href)), to: new PostgresSession(postgresPlace(to), "target") };
  onTestFinished(async () => {
    await pair.from[Symbol.asyncDispose]();
    await pair.to[Symbol.asyncDispose]();
  });
  return { ...pair, client: await pair.to.client() };
}

async function onSource(url: string, statements: readonly string[]): Promise<void> {
  const client = await createConnection({ uri: url, multipleStatements: true });
  await client.query("set sql_mode = ''; set time_zone = '+00:00'; set names utf8mb4");
  for (const statement of statements) await client.query(statement);
  await client.end();
}

describeOnPostgres("from MariaDB", (postgres) => {
  describeOnMariadb("to PostgreSQL", (mariadb) => {
    test("every type arrives: the digest of what was sent is that of what is there", async () => {
      const url = await mariadb.database();
      const made = awkwardMysqlTables();
      await onSource(
        url,
        made.map(({ sql }) => sql),
      );
      const pair = await openPair(url, await postgres.database());
      const found = await tables(pair.from);
      expect(found.length).toBe(made.length);
      const overrides = new Map(
        found.flatMap((table): [string, ReadonlyMap<string, string>][] => {
          const override = made.find(({ name }) => name === table.name)?.of.override;
          return override === undefined ? [] : [[tablePath(table), new Map([["value", override]])]];
        }),
      );
      const mapped = definitionFor(pair.from.database, found, overrides);
      await pair.client.query(mapped.definition.before);
      const wrong: string[] = [];
      for (const table of found) {
        const expected = (made.find(({ name }) => name === table.name)?.of.values.length ?? 0) + 1;
        try {
          const digests = await copyTable(pair, { table, mapped, chunkBytes: 2 ** 26 });
          expect(digests.map(({ rows }) => rows)).toEqual([expected]);
        } catch (error) {
          wrong.push(`${table.name}: ${String(error)}`);
          break;
        }
      }
      expect(wrong).toEqual([]);
      await pair.client.query(mapped.definition.after);
      const zeros: string[] = [];
      for (const table of found) zeros.push(...(await zeroDates(pair.from, table, never)).map(({ text }) => text));
      expect(zeros.map((text) => /in (\d+) rows/.exec(text)?.[1])).toEqual(["3", "2", "1"]);
    });

    test("a cell is what the server itself says of it", async () => {
      const url = await mariadb.database();
      const made = awkwardMysqlTables();
      await onSource(
        url,
        made.map(({ sql }) => sql),
      );
      const { from } = await openPair(url, await postgres.database());
      const wrong: string[] = [];
      for (const table of await tables(from)) {
        const [, column] = table.columns;
        if (column === undefined) throw new Error("each table has a value");
        const kinds = table.columns.map(kindOf);
        const kind = kinds[1] as ColumnType;
        const told = await from.rows<{ told: string | null }>(
          `select ${askFor(kind, selected(column))} as told from ${qualified(table)} order by id`,
        );
        const statement = readStatement(table, { format: "binary", columns: [], key: null, from: null, to: null });
        const values: RowValue[] = [];
        for await (const { rows } of rowsOf({ session: from, statement, kinds, signal: never }))
          values.push(...rows.map(([, value = null]) => value));
        for (const [at, value] of values.entries()) {
          const text = value === null ? null : textOf(value, kind);
          const theirs = told[at]?.told ?? null;
          // Two ways to write one number are the same one.
          const isSame = kind.kind === "float" && theirs !== null ? value === Number(theirs) : text === theirs;
          if (!isSame) wrong.push(`${table.name}: ${text}, not ${theirs}`.slice(0, 200));
        }
        expect(values.length).toBe(told.length);
      }
      expect(wrong).toEqual([]);
    });

    test("ranges are cut by keys that are there: composite, skewed, of texts, of bytes; a table without one is one range", async () => {
      const url = await mariadb.database();
      await onSource(url, [
        "create table skewed (id bigint unsigned primary key, filler varchar(200))",
        "insert into skewed select if(seq < 9000, seq, seq * 1000000007), repeat('x', 150) from seq_1_to_10000",
        "create table paired (tenant varchar(20) collate utf8mb4_general_ci, n int, made timestamp(6) default '2024-01-01', filler varchar(200), primary key (tenant, n, made))",
        "insert into paired select elt(1 + seq % 3, 'Ärger', 'a', 'B '), if(seq % 2, 1, seq), '2024-01-01' + interval seq second, repeat('y', 150) from seq_1_to_10000",
        "create table named (name varchar(40) not null, filler varchar(200), unique key (name))",
        "insert into named select concat(char(65 + seq % 58 using utf8mb4), 'é', seq), repeat('z', 150) from seq_1_to_10000",
        "create table hashed (id binary(16) primary key, filler varchar(200))",
        "insert into hashed select unhex(md5(seq)), repeat('h', 150) from seq_1_to_10000",
        "create table keyless (n int, filler varchar(200))",
        "insert into keyless select seq % 7, null from seq_1_to_10000",
        "create table empty (id int primary key)",
        "analyze table skewed, paired, named, hashed, keyless",
      ]);
      const pair = await openPair(url, await postgres.database());
      const found = await tables(pair.from);
      const mapped = definitionFor(pair.from.database, found);
      await pair.client.query(mapped.definition.before);
      for (const table of found) {
        const digests = await copyTable(pair, { table, mapped, chunkBytes: 256 * 1024 });
        const isOne = table.name === "keyless" || table.name === "empty";
        const counts = digests.map(({ rows }) => rows);
        expect(counts.reduce((sum, count) => sum + count, 0)).toBe(table.name === "empty" ? 0 : 10_000);
        // But for the last one, which has what is left, they are of one size.
        expect(new Set(counts.slice(0, -1)).size, table.name).toBe(isOne ? 0 : 1);
        expect(counts.length > 4, table.name).toBe(!isOne);
      }
    });

    test("keys, defaults, checks, comments and positions arrive, and what cannot is told in words", async () => {
      const url = await mariadb.database();
      await onSource(url, [
        `create table customer (
          id bigint unsigned auto_increment primary key, mail varchar(80) not null collate utf8mb4_general_ci comment 'it''s',
          status enum('new','old') not null default 'new', is_on tinyint(1) not null default 1, flags bit(3) default b'101',
          made timestamp(3) not null default current_timestamp(3) on update current_timestamp(3),
          born date default '2000-02-29', price decimal(8,2) default 1.50, note text default 'a\\\\b''c',
          twice decimal(9,2) as (price * 2) stored, unique key mail (mail), key price (price desc, made), fulltext key words (note),
          key part (note(10)), constraint dear check (price > 0)) comment 'who buys'`,
        `create table orders (id int auto_increment primary key, customer bigint unsigned not null, key mail (customer),
          constraint buyer foreign key (customer) references customer (id) on delete cascade)`,
        "insert into customer (mail) values ('a@x'), ('b@x')",
        "insert into orders (customer) values (1), (2), (2)",
        "create view v as select 1 as n",
        "create trigger t before insert on orders for each row set new.id = new.id",
        "create procedure p() select 1",
      ]);
      const pair = await openPair(url, await postgres.database());
      const found = await tables(pair.from);
      const mapped = definitionFor(pair.from.database, found);
      await pair.client.query(mapped.definition.before);
      for (const table of found) await copyTable(pair, { table, mapped, chunkBytes: 2 ** 26 });
      await pair.client.query(mapped.definition.after);
      await pair.client.query(`set search_path = ${quotedName(pair.from.database)}`);
      const { rows } = await pair.client.query<Record<string, string>>(
        `insert into customer (mail) values ('c@x') returning id::text, status, is_on::text, flags::text, born::text,
          price::text, note, (made is not null)::text as made`,
      );
      expect(rows).toEqual([
        {
          id: "3",
          status: "new",
          is_on: "true",
          flags: "101",
          born: "2000-02-29",
          price: "1.50",
          note: String.raw`a\b'c`,
          made: "true",
        },
      ]);
      await pair.client.query("delete from customer where id = 2");
      const left = await pair.client.query<{ id: string }>("select id::text as id from orders");
      expect(left.rows).toEqual([{ id: "1" }]);
      await expect(pair.client.query("insert into customer (mail, status) values ('d@x', 'other')")).rejects.toThrow(
        /check constraint/,
      );
      await expect(pair.client.query("insert into customer (mail) values ('a@x')")).rejects.toThrow(
        /unique constraint/,
      );
      const comments = await pair.client.query<{ told: string }>(
        `select concat_ws(', ', obj_description('customer'::regclass), col_description('customer'::regclass, 2)) as told`,
      );
      expect(comments.rows).toEqual([{ told: "who buys, it's" }]);
      const told = [...mapped.findings, ...(await uncarried(pair.from))].map(({ text }) => text).join("\n");
      for (const word of [
        "the index words (fulltext)",
        "the unique key mail takes utf8mb4_general_ci",
        "twice is computed",
        "made is set anew by each update",
        "is_on is a tinyint(1)",
        "born may hold dates of zeros",
        "customer is unsigned and becomes a bigint",
        "dear is written",
        "v is written",
        "t is written",
        "p is written",
      ])
        expect(told).toContain(word);
    });

    test("rows of a megabyte do not fill the memory, however slowly they are taken", async () => {
      const url = await mariadb.database();
      await onSource(url, [
        "create table large (id int primary key, body longblob)",
        "insert into large select seq, repeat(char(seq % 256), 1000000) from seq_1_to_300",
      ]);
      const { from } = await openPair(url, await postgres.database());
      const [table] = await tables(from);
      if (table === undefined) throw new Error("the table is there");
      const statement = readStatement(table, { format: "binary", columns: [], key: null, from: null, to: null });
      let [count, most] = [0, 0];
      const before = process.memoryUsage().arrayBuffers;
      const kinds = table.columns.map(kindOf);
      for await (const { rows } of rowsOf({ session: from, statement, kinds, signal: never })) {
        count += rows.length;
        // The network goes on meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
      expect(count).toBe(300);
      expect(most).toBeLessThan(150 * 2 ** 20);
    });

    test("a server that restarts in the middle is told as one that can be tried again, and is", async () => {
      const url = await mariadb.database();
      await onSource(url, [
        "create table t (id int primary key, filler varchar(200))",
        "insert into t select seq, repeat('x', 200) from seq_1_to_300000",
      ]);
      const { from } = await openPair(url, await postgres.database());
      const kinds: ColumnType[] = [{ kind: "integer", bits: 32, isUnsigned: false }];
      const rows = rowsOf({ session: from, statement: "select id from t order by filler, id", kinds, signal: never });
      await rows.next();
      await mariadb.server().restart("immediate");
      await expect(Array.fromAsync(rows)).rejects.toMatchObject({ code: "store_unreachable", disposition: "retry" });
      expect(await from.rows("select count(*) as n from t")).toEqual([{ n: 300_000 }]);
    });

    test("a range of a composite key is found in its index", async () => {
      const url = await mariadb.database();
      await onSource(url, [
        "create table t (a int, b datetime, c decimal(5,1), filler varchar(200), primary key (a, b, c))",
        "insert into t select seq div 100, '2024-01-01' + interval seq second, seq % 7, repeat('x', 200) from seq_1_to_20000",
        "analyze table t",
      ]);
      const { from } = await openPair(url, await postgres.database());
      const [table] = await tables(from);
      if (table === undefined) throw new Error("the table is there");
      const columns = definitionFor(from.database, [table]).columns.get(tablePath(table)) ?? [];
      const ranges = await cut(from, table, { chunkBytes: 512 * 1024, columns }, never);
      expect(ranges.length).toBeGreaterThan(5);
      const [plan] = await from.rows<{ type: string; key: string; rows: string; Extra: string }>(
        `explain ${readStatement(table, sliceOf(ranges[2] as SizedRows))}`,
      );
      expect(plan).toMatchObject({ type: "range", key: "PRIMARY" });
      expect(Number(plan?.rows)).toBeLessThan(8_000);
      expect(plan?.Extra).not.toContain("filesort");
    });

    test("an answer that is left early, aborted or refused leaves a session that can be used", async () => {
      const url = await mariadb.database();
      await onSource(url, ["create table t (id int primary key)", "insert into t select seq from seq_1_to_200000"]);
      const { from } = await openPair(url, await postgres.database());
      const ask = (statement: string, signal: AbortSignal): AsyncGenerator<RowBatch> =>
        rowsOf({ session: from, statement, kinds: [{ kind: "integer", bits: 32, isUnsigned: false }], signal });
      for await (const { rows } of ask("select id from t order by id", never)) {
        expect(rows[0]).toEqual([1]);
        break;
      }
      await expect(ask("select nothing from t", never).next()).rejects.toMatchObject({ code: "source_changed" });
      await expect(ask("select id from gone", never).next()).rejects.toMatchObject({ code: "source_vanished" });
      const aborted = new AbortController();
      const rows = ask("select id from t", aborted.signal);
      await rows.next();
      aborted.abort(new Error("stop"));
      await expect(Array.fromAsync(rows)).rejects.toThrow("stop");
      expect(await from.rows("select count(*) as n from t")).toEqual([{ n: 200_000 }]);
    });
  });
});
