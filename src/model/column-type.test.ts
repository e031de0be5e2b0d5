import { expect, test } from "vitest";
import { columnTypeName, parseColumnType } from "./column-type.ts";

test("names of types lead to types and back, and SQL's own words are understood", () => {
  const names =
    "boolean int1 uint3 int8 decimal decimal(10,2) decimal(5,0) float4 float8 text text(40) char(3) bytes bytes(16) date " +
    "time time(0) timetz timestamp timestamp(3) timestamptz interval uuid json json_text bits bits(8) text[] decimal(4,1)[]";
  for (const name of names.split(" ")) expect(columnTypeName(parseColumnType(name))).toBe(name);
  const same: Record<string, string> = {
    BIGINT: "int8",
    "numeric( 10 , 2 )": "decimal(10,2)",
    "double precision": "float8",
    "varchar(5)": "text(5)",
    jsonb: "json",
    "timestamp(6)": "timestamp",
    char: "char(1)",
    "decimal(7)": "decimal(7,0)",
    "bool[]": "boolean[]",
  };
  for (const [name, type] of Object.entries(same)) expect(columnTypeName(parseColumnType(name))).toBe(type);
});

test.for<readonly [string, string]>([
  ["intger", "Perhaps integer was meant."],
  ["decimal(2,5)", "Write such as decimal(10,2)"],
  ["text(0)", "Write such as"],
  ["boolean(3)", "Write such as"],
  ["timestamp(9)", "Write such as"],
  ["constructor", "Types are boolean, int1"],
  ["", "Types are"],
  ["decimal(10", "Perhaps decimal"],
])("%s is no type, and what may have been meant is told", ([name, hint]) => {
  expect(() => parseColumnType(name)).toThrow(
    expect.objectContaining({ code: "config_invalid", hint: expect.stringContaining(hint) as unknown }),
  );
});
