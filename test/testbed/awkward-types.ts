/**
 * Every type that PostgreSQL has, and what can be made of them, with the values that copies lose: not a number, both
 * zeros, years before Christ, padding, empty against NULL, arrays that begin at 0.
 */
import pg from "pg";
import { type AwkwardType, everyByte, everyCharacter, quoted, repeated } from "./awkward-literals.ts";
import { compoundTypes } from "./awkward-compounds.ts";

export interface TypeTable {
  readonly type: string;
  /** Qualified and quoted. Its columns are `id`, which is the key and counts from 0, and `value`; row 0 is NULL. */
  readonly table: string;
  readonly rows: number;
}

const numbers: readonly AwkwardType[] = [
  { type: "boolean", values: ["true", "false"] },
  { type: "smallint", values: ["-32768", "-1", "0", "32767"] },
  { type: "integer", values: ["-2147483648", "-1", "0", "2147483647"] },
  {
    type: "bigint",
    values: ["'-9223372036854775808'", "0", "9007199254740993", "-9007199254740993", "9223372036854775807"],
  },
  {
    type: "numeric",
    values: [
      ["'NaN'", "'Infinity'", "'-Infinity'", "0", "'-0'", "0.000", "1.10", "1.1", "100", "1e2", "-0.00001"],
      ["9999", "10000", "99990000", "0.0001", "1.00000000000000000000", "'1e-16383'", "1.5e131071"],
      ["12345678901234567890.123456789012345678901234567890", "9007199254740993", "0.1", "1e20"],
      "repeat('9', 131072)::numeric",
      "('-0.' || repeat('123456789', 1820))::numeric",
    ].flat(),
  },
  { type: "numeric(10, 2)", values: ["'NaN'", "0", "-0.005", "12345678.90", "-99999999.99"] },
  { type: "numeric(38, 0)", values: ["repeat('9', 38)::numeric", "-1"] },
  { type: "numeric(3, -2)", values: ["99900", "-100", "0"] },
  { type: "numeric(3, 5)", values: ["0.00999", "-0.00001", "0"] },
  {
    type: "real",
    values: [
      ["'NaN'", "'Infinity'", "'-Infinity'", "'0'", "'-0'", "'1e-45'", "'-1e-45'", "'1.1754944e-38'"],
      ["'3.4028235e38'", "'0.1'", "'16777216'", "'1e10'", "'0.3333333'"],
    ].flat(),
  },
  {
    type: "double precision",
    values: [
      ["'NaN'", "'Infinity'", "'-Infinity'", "'0'", "'-0'", "'5e-324'", "'-5e-324'", "'2.2250738585072011e-308'"],
      ["'1.7976931348623157e308'", "'0.1'", "'0.30000000000000004'", "'1e23'", "'9007199254740993'", "'1e-7'"],
    ].flat(),
  },
  { type: "money", values: ["'-92233720368547758.08'", "'92233720368547758.07'", "0::money", "'0.01'", "'-0.01'"] },
];

const times: readonly AwkwardType[] = [
  {
    type: "date",
    values: [
      ["'infinity'", "'-infinity'", "'4714-11-24 BC'", "'0001-12-31 BC'", "'0001-01-01'", "'1582-10-10'"],
      ["'1900-02-28'", "'1969-12-31'", "'2000-02-29'", "'9999-12-31'", "'10000-01-01'", "'5874897-12-31'"],
    ].flat(),
  },
  {
    type: "timestamp",
    values: [
      ["'infinity'", "'-infinity'", "'4714-11-24 00:00:00 BC'", "'0001-12-31 23:59:59.999999 BC'"],
      ["'1969-12-31 23:59:59.999999'", "'2024-02-29 24:00:00'", "'2016-12-31 23:59:60'", "'2024-01-01 00:00:00.1'"],
      "'294276-12-31 23:59:59.999999'",
    ].flat(),
  },
  { type: "timestamp(0)", values: ["'2024-01-01 00:00:00.5'", "'1999-12-31 23:59:59.999999'"] },
  {
    type: "timestamptz",
    values: [
      ["'infinity'", "'-infinity'", "'4714-11-24 00:00:00+00 BC'", "'0044-03-15 12:00:00+00 BC'"],
      ["'2024-10-27 02:30:00+02'", "'2024-10-27 02:30:00+01'", "'2024-03-31 02:30:00 Europe/Berlin'"],
      ["'1883-11-18 12:00:00 America/New_York'", "'2024-01-01 00:00:00.000001+15:59:59'"],
      "'294276-12-31 23:59:59.999999+00'",
    ].flat(),
  },
  { type: "timestamptz(3)", values: ["'2024-01-01 00:00:00.0005+00'", "'infinity'"] },
  { type: "time", values: ["'00:00'", "'24:00:00'", "'23:59:59.999999'", "'23:59:60'", "'12:00:00.1'"] },
  { type: "time(2)", values: ["'23:59:59.999'", "'00:00:00.005'"] },
  {
    type: "timetz",
    values: ["'24:00:00-15:59:59'", "'00:00:00+15:59:59'", "'12:00:00.000001+05:30:15'", "'12:00+00'", "'13:00+01'"],
  },
  {
    type: "interval",
    values: [
      ["'0'", "'1 day'", "'24 hours'", "'30 days'", "'1 month'", "'-1 month +1 day -00:00:00.000001'"],
      ["'178000000 years'", "'-178000000 years'", "'2147483647 days'", "'1 year -1 month'", "'9999:59:59.999999'"],
    ].flat(),
  },
  { type: "interval", since: 17, values: ["'infinity'", "'-infinity'"] },
  { type: "interval year to month", values: ["'1 year 2 months'", "'-14 months'"] },
  { type: "interval second(3)", values: ["'1.23456 seconds'", "'-0.001 seconds'"] },
];

const strings: readonly AwkwardType[] = [
  { type: "text", values: everyCharacter },
  { type: `text collate "C"`, values: everyCharacter.slice(0, 20) },
  { type: "varchar", values: everyCharacter.slice(0, 20) },
  { type: "varchar(3)", values: ["''", "' '", "'ab '", "'日本語'", quoted("👍🏽é")] },
  { type: "char(5)", values: ["''", "' '", "'ab'", "'ab   '", "' ab'", "'é'", "'日本語'", quoted("\t"), "'abcde'"] },
  { type: "char", values: ["'a'", "''", "'é'"] },
  { type: `"char"`, values: ["'a'", "''", "' '", "'\\'", '127::"char"', quoted("\n")] },
  { type: "name", values: ["''", "repeat('a', 63)::name", "repeat('é', 40)::name", quoted('"select" ')] },
  { type: "bytea", values: everyByte },
  { type: "bit(1)", values: ["B'0'", "B'1'"] },
  { type: "bit(9)", values: ["B'000000000'", "B'111111111'", "B'100000001'"] },
  { type: "bit varying", values: ["B''", "B'0'", "B'00000000'", "B'0000000001'", "repeat('10', 4001)::varbit"] },
  { type: "bit varying(5)", values: ["B''", "B'00000'", "B'1'"] },
  { type: "uuid", values: [`'${"0".repeat(32)}'`, `'${"f".repeat(32)}'`, "'{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}'"] },
  {
    type: "inet",
    values: ["'0.0.0.0/0'", "'10.1.2.3'", "'10.1.2.3/8'", "'255.255.255.255'", "'::'", "'::/0'", "'::ffff:1.2.3.4/96'"],
  },
  { type: "cidr", values: ["'10/8'", "'0.0.0.0/0'", "'10.1.2.3/32'", "'2001:db8::/32'", "'::/0'"] },
  { type: "macaddr", values: ["'08:00:2b:01:02:03'", "'ff:ff:ff:ff:ff:ff'", "'0:0:0:0:0:0'"] },
  { type: "macaddr8", values: ["'08:00:2b:ff:fe:01:02:03'", "'08:00:2b:01:02:03'", "'00:00:00:00:00:00:00:00'"] },
];

const documents: readonly AwkwardType[] = [
  {
    type: "json",
    values: [
      ["'null'", `'""'`, "'{}'", "'[]'", '\' { "b" : 1,\n"a":2, "b" :3 } \'', "'1E400'", "'-0'", "'1.10'"],
      [`'"\\u0000"'`, `'"\\ud83d\\ude00 \\u00e9 é \\/"'`, `'{"":{"":[null,true,false]}}'`],
      "(repeat('[', 500) || repeat(']', 500))::json",
    ].flat(),
  },
  {
    type: "jsonb",
    values: [
      [
        "'null'",
        `'""'`,
        "'{}'",
        "'[]'",
        `'{"b":1, "a":2, "b":3}'`,
        `'{"aa":1,"b":2,"":3}'`,
        "'1.10'",
        "'-0'",
        "'-0.0'",
      ],
      [
        "'1e400'",
        "'12345678901234567890.12345678901234567890'",
        `'"\\ud83d\\ude00 \\u00e9 \\n\\t\\\\ \\""'`,
        "'[[[]]]'",
      ],
      [`'{"é":"日本", "NULL":null, "true":true}'`, "(repeat('[', 500) || repeat(']', 500))::jsonb"],
      `jsonb_build_object('long', ${repeated("x", 1_000_000)})`,
    ].flat(),
  },
  {
    type: "jsonpath",
    values: ["'$'", `'strict $."a b"[*] ? (@ > 1.10 && @ starts with "\\u00e9")'`, "'lax $[last].size()'"],
  },
  {
    type: "xml",
    values: [
      ["''", "'text &amp; <b/>'", "'<a/>'", "'<a/> between <b/>'", `'<a b="é">&lt;&amp;&#233;</a>'`],
      ["'<![CDATA[ <x> ]]>'", `'<?xml version="1.0"?><a/>'`, `'<?xml version="1.1" standalone="yes"?><a/>'`],
      [`'<?xml version="1.0" encoding="LATIN1"?><a>é</a>'`, `'<!-- comment --><a xmlns="urn:x"> </a>'`],
    ].flat(),
  },
  {
    type: "tsvector",
    values: [
      "''",
      "'b a a'",
      `'a:1A,2b,16383 b:3'`,
      `$$'it''s':1 'two words' '\\\\':2$$`,
      "'é日本'",
      "to_tsvector('english', 'The cats')",
    ],
  },
  {
    type: "tsquery",
    values: ["''", "'a & !b | c'", "'a <-> b:*AB <3> c'", "$$'two words' & 'it''s'$$", "'!(a | b) & !!c'"],
  },
];

const shapes: readonly AwkwardType[] = [
  { type: "point", values: ["'(0,-0)'", "'(NaN,Infinity)'", "'(5e-324,-1e300)'", "'(0.1,0.30000000000000004)'"] },
  { type: "line", values: ["'{1,-1,0}'", "'{0,1,5}'", "'{-1,0,1e300}'", "'[(0,0),(1,3)]'"] },
  { type: "lseg", values: ["'[(0,0),(0,0)]'", "'[(1,-0),(NaN,2)]'", "'[(1e300,1),(-Infinity,0)]'"] },
  { type: "box", values: ["'(0,0),(1,1)'", "'(1,0),(0,1)'", "'(Infinity,0),(-Infinity,1)'"] },
  { type: "path", values: ["'[(0,0)]'", "'((0,0))'", "'[(0,0),(1,1),(NaN,0)]'", "'((0,0),(1,1),(0,0))'"] },
  { type: "polygon", values: ["'((0,0))'", "'((0,0),(1,1),(1,0))'", "'((0,0),(0,0),(Infinity,-0))'"] },
  { type: "circle", values: ["'<(0,0),0>'", "'<(1,2),Infinity>'", "'<(NaN,-0),1e-300>'"] },
];

/** Their names must be found on the other side: a number of one server means nothing on another. */
const namedThings: readonly AwkwardType[] = [
  { type: "oid", values: ["0", "1", "'4294967295'"] },
  { type: "regclass", values: ["'pg_class'", '\'awkward."Größe & ""Maß"""\'', "'-'", "'4294967290'"] },
  {
    type: "regtype",
    values: ["'integer'", "'timestamp with time zone[]'", "'awkward.mood'", "'awkward.pair[]'", "'-'"],
  },
  { type: "regproc", values: ["'now'", "'awkward.\"Do It\"'", "'-'"] },
  { type: "regprocedure", values: ["'abs(integer)'", "'awkward.\"Do It\"(awkward.mood,text[])'", "'-'"] },
  { type: "regoper", values: ["'pg_catalog.||/'", "'awkward.~=~=~'", "'0'"] },
  { type: "regoperator", values: ["'+(integer,integer)'", "'awkward.~=~=~(text,text)'", "'0'"] },
  { type: "regrole", values: ["'godwit'", "'pg_monitor'", "'-'"] },
  { type: "regnamespace", values: ["'pg_catalog'", "'awkward'", "'-'"] },
  { type: "regcollation", values: [`'"C"'`, `'pg_catalog."default"'`, "'awkward.plain'"] },
  { type: "regconfig", values: ["'simple'", "'english'", "'awkward.words'"] },
  { type: "regdictionary", values: ["'simple'", "'english_stem'"] },
  { type: "aclitem", values: ["'=r/godwit'", "'godwit=arwdDxt*/godwit'", "'pg_monitor=U/godwit'"] },
];

const internals: readonly AwkwardType[] = [
  { type: "tid", values: ["'(0,1)'", "'(4294967295,65535)'"] },
  { type: "xid", values: ["'0'", "'4294967295'"] },
  { type: "xid8", values: ["'0'", "'18446744073709551615'"] },
  { type: "cid", values: ["'0'", "'4294967295'"] },
  { type: "pg_lsn", values: ["'0/0'", "'16/B374D848'", "'FFFFFFFF/FFFFFFFF'"] },
  { type: "pg_snapshot", values: ["'10:20:10,14,15'", "'1:1:'"] },
  { type: "txid_snapshot", values: ["'10:20:10,14,15'", "'1:1:'"] },
  { type: "refcursor", values: ["''", "'a \"cursor\"'"] },
  { type: "int2vector", values: ["''", "'1 -32768 3'"] },
  { type: "oidvector", values: ["''", "'1 4294967295'"] },
];

export const awkwardTypes: readonly AwkwardType[] = [
  ...numbers,
  ...times,
  ...strings,
  ...documents,
  ...shapes,
  ...namedThings,
  ...internals,
  ...compoundTypes,
];

/** What the types above are made of. */
const made = `
  create schema awkward;
  create extension if not exists hstore;
  create extension if not exists citext;
  create collation awkward.plain (provider = libc, locale = 'C');
  create text search configuration awkward.words (copy = simple);
  create type awkward.mood as enum ('sad', '', 'it''s "ok", \\', 'größer', 'NULL');
  create type awkward.pair as (number integer, "Text mit Leer" text);
  create type awkward.nest as (pair awkward.pair, moods awkward.mood[], at timestamptz);
  create type awkward.hollow as ();
  create domain awkward.percent as numeric(5, 2) check (value between 0 and 100);
  create domain awkward.words_list as text[] check (cardinality(value) < 9);
  create domain awkward.known_pair as awkward.pair check ((value).number > 0);
  create type awkward.span as range (subtype = text, collation = "C", multirange_type_name = awkward.spans);
  create table awkward."Größe & ""Maß""" (id integer primary key);
  create function awkward."Do It"(awkward.mood, text[]) returns text language sql immutable as 'select $1::text';
  create function awkward.alike(text, text) returns boolean language sql immutable as 'select $1 = $2';
  create operator awkward.~=~=~ (leftarg = text, rightarg = text, function = awkward.alike);`;

/** Makes a table for each type in a new schema `awkward`, as superuser. Answers what was made, in the order of the list. */
export async function makeTypesTable(client: pg.Client): Promise<readonly TypeTable[]> {
  await client.query(made);
  const { rows } = await client.query<{ major: number }>(
    "select current_setting('server_version_num')::integer / 10000 as major",
  );
  const major = rows[0]?.major ?? 0;
  const tables: TypeTable[] = [];
  for (const [at, { type, values, since = 0 }] of awkwardTypes.entries()) {
    if (since > major) continue;
    const table = `awkward.${pg.escapeIdentifier(`${String(at).padStart(3, "0")} ${type}`.slice(0, 60))}`;
    await client.query(`create table ${table} (id integer primary key, value ${type})`);
    const lines = ["null", ...values].map((value, id) => `insert into ${table} values (${id}, ${value});`);
    await client.query(lines.join("\n"));
    tables.push({ type, table, rows: lines.length });
  }
  return tables;
}
