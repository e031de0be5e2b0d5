/** Types that hold other types: ranges, arrays, composites, domains, enums, and those of extensions. */
import { type AwkwardType, quoted } from "./awkward-literals.ts";

const ranges: readonly AwkwardType[] = [
  { type: "int4range", values: ["'empty'", "'(,)'", "'[1,1]'", "'(0,5]'", "'[-2147483648,2147483647)'", "'[1,)'"] },
  { type: "int8range", values: ["'empty'", "'(,)'", "'[-9223372036854775808,9223372036854775807)'"] },
  {
    type: "numrange",
    values: ["'empty'", "'(,)'", "'[1.10,2.0]'", "'[NaN,NaN]'", "'(-Infinity,Infinity)'", "'[,0)'", "'(0,0.000]'"],
  },
  { type: "daterange", values: ["'empty'", "'(,)'", "'[-infinity,infinity]'", "'[\"0044-03-15 BC\",2024-02-29]'"] },
  { type: "tsrange", values: ["'empty'", "'[-infinity,infinity]'", "'(\"0001-01-01 00:00:00 BC\",)'"] },
  {
    type: "tstzrange",
    values: ["'empty'", "'(,)'", "'[2024-10-27 02:30:00+02,2024-10-27 02:30:00+01]'", "'[infinity,)'"],
  },
  { type: "awkward.span", values: ["'empty'", `'["",b)'`, `'["a\\"b","c,d)")'`, `'(,"é\\\\")'`, `'["NULL","null")'`] },
  { type: "int4multirange", values: ["'{}'", "'{(,)}'", "'{[1,3),[5,8)}'", "'{[1,3),[3,5)}'", "'{empty}'"] },
  { type: "int8multirange", values: ["'{}'", "'{[1,1]}'"] },
  { type: "nummultirange", values: ["'{}'", "'{[1.10,1.100],(2,NaN]}'", "'{(-Infinity,0),[1,)}'"] },
  { type: "datemultirange", values: ["'{}'", "'{(,-infinity),[2024-01-01,infinity]}'"] },
  { type: "tsmultirange", values: ["'{}'", "'{[-infinity,2000-01-01),[2001-01-01,infinity]}'"] },
  { type: "tstzmultirange", values: ["'{}'", "'{[2000-01-01 00:00+00,2001-01-01 00:00+00]}'"] },
  { type: "awkward.spans", values: ["'{}'", `'{["a\\"b",c),[d,"e}")}'`] },
  { type: "int4range[]", values: ["'{}'", `'{empty,"[1,2)",NULL}'`] },
];

const arrays: readonly AwkwardType[] = [
  {
    type: "integer[]",
    values: [
      ["'{}'", "'{NULL}'", "'{1,NULL,-3}'", "'[0:1]={1,2}'", "'[-5:-4]={1,NULL}'", "'{{1,2},{3,NULL}}'"],
      ["'[0:1][-2:-1]={{1,2},{3,4}}'", "'{{{{{{1}}}}}}'", "array(select generate_series(1, 100000))"],
    ].flat(),
  },
  { type: "integer[2][2]", values: ["'{1,2,3}'", "'{}'"] },
  {
    type: "text[]",
    values: [
      ["'{}'", "array['']", "array[null, 'NULL', 'null']", "array[' ', ',', '{', '}', '\"', '\\', '''', '\\N', '\\.']"],
      ["'[2:3]={a,b}'", "array[['é', ''], [null, 'x']]", `array[${quoted("\n")}, ${quoted("\t")}, 'two words', ';']`],
    ].flat(),
  },
  { type: "varchar(3)[]", values: ["'{abc,\"\",NULL}'", "'{日本語}'"] },
  { type: "char(3)[]", values: ["'{a,\"  \",NULL}'"] },
  { type: "numeric(6, 2)[]", values: ["'{NaN,0.00,-1.10,NULL}'"] },
  { type: "double precision[]", values: ["'{NaN,-0,Infinity,5e-324,NULL}'"] },
  { type: "boolean[]", values: ["'{t,f,NULL}'", "'{}'"] },
  { type: "bytea[]", values: [`'{"\\\\x00","\\\\x","\\\\x5c22",NULL}'`] },
  { type: "timestamptz[]", values: ["'{infinity,-infinity,\"0044-03-15 12:00:00+00 BC\",NULL}'"] },
  { type: "interval[]", values: ["'{1 day,24:00:00,NULL}'"] },
  { type: "jsonb[]", values: [`array['null', '"a,b"', '{"a": [1, "x\\\\"]}', null]::jsonb[]`] },
  { type: "json[]", values: [`array['{ "b" : 1, "b":2 }', 'null', null]::json[]`] },
  { type: "xml[]", values: ["array['<a b=\"1\"/>', '', null]::xml[]"] },
  { type: "uuid[]", values: [`'{${"0".repeat(32)},NULL}'`] },
  { type: "inet[]", values: ["'{10.1.2.3/8,::1,NULL}'"] },
  { type: "bit(3)[]", values: ["'{101,NULL}'"] },
  // The one array whose parts are separated by another character.
  { type: "box[]", values: ["'{(1,1),(0,0);NULL;(2,2),(1,1)}'"] },
  { type: "point[]", values: [`'{"(NaN,-0)",NULL}'`] },
  { type: "regclass[]", values: ['\'{pg_class,"awkward.\\"Größe & \\"\\"Maß\\"\\"\\"",NULL}\''] },
  { type: "awkward.mood[]", values: ["'{}'", "array['', 'it''s \"ok\", \\', 'NULL', null]::awkward.mood[]"] },
  {
    type: "awkward.pair[]",
    values: ["array[row(1, 'a \"b\", (c)'), row(null, ''), row(null, null), null]::awkward.pair[]", "'{}'"],
  },
  { type: "awkward.percent[]", values: ["'{0,99.99,NULL}'"] },
];

const composites: readonly AwkwardType[] = [
  { type: "awkward.mood", values: ["'sad'", "''", "'it''s \"ok\", \\'", "'größer'", "'NULL'"] },
  {
    type: "awkward.pair",
    values: [
      ["row(null, null)", "row(1, '')", "row(-1, 'a,b')", "row(0, '(x)\"y\"\\z')", `row(2, ${quoted("\n\t ")})`],
      "row(3, 'NULL')",
    ].flat(),
  },
  {
    type: "awkward.nest",
    values: [
      "row(row(1, 'a \"b\"'), array['', null, 'sad'], '0044-03-15 12:00:00+00 BC')::awkward.nest",
      ["row(null, null, null)", "row(row(null, null), '{}', 'infinity')::awkward.nest"],
    ].flat(),
  },
  { type: "awkward.hollow", values: ["row()"] },
  { type: "awkward.percent", values: ["0", "100", "'12.345'"] },
  { type: "awkward.words_list", values: ["'{}'", "array['a', null, '']"] },
  { type: "awkward.known_pair", values: ["row(1, null)::awkward.pair", "row(2, 'x')::awkward.pair"] },
];

const ofExtensions: readonly AwkwardType[] = [
  {
    type: "hstore",
    values: [
      "''",
      "'a=>NULL'",
      "'a=>\"NULL\"'",
      `'""=>""'`,
      `hstore('a=>b', 'x"y\\z')`,
      `hstore(array['é', ','], array['', null])`,
    ],
  },
  { type: "citext", values: ["''", "'Abc'", "'ABC'", "'É'", "' a '"] },
  { type: "citext[]", values: ["'{Abc,ABC,NULL,\"\"}'"] },
];

export const compoundTypes: readonly AwkwardType[] = [...ranges, ...arrays, ...composites, ...ofExtensions];
