/** Every type of MariaDB with the values that copies lose, and the type of PostgreSQL that holds all of them. */
export interface AwkwardMysqlType {
  /** As it is declared. */
  readonly type: string;
  /** Of PostgreSQL, where the usual one does not hold each of these values. */
  readonly override?: string;
  /** Literals; NULL is added. */
  readonly values: readonly string[];
}

const everyCharacter = [
  "''",
  "' '",
  "'a b  '",
  String.raw`'a\tb\nc\\d\'"'`,
  "'Größe 日本 👍🏽'",
  "'NULL'",
  String.raw`'\\N'`,
];

const awkwardMysqlTypes: readonly AwkwardMysqlType[] = [
  { type: "tinyint", values: ["-128", "-1", "0", "127"] },
  { type: "tinyint(1)", values: ["0", "1"] },
  { type: "tinyint(1)  comment 'more than two'", override: "smallint", values: ["-128", "2", "127"] },
  { type: "tinyint unsigned", values: ["0", "128", "255"] },
  { type: "smallint", values: ["-32768", "0", "32767"] },
  { type: "smallint unsigned", values: ["0", "65535"] },
  { type: "mediumint", values: ["-8388608", "-1", "8388607"] },
  { type: "mediumint unsigned", values: ["0", "16777215"] },
  { type: "int", values: ["-2147483648", "-1", "0", "2147483647"] },
  { type: "int unsigned", values: ["0", "4294967295"] },
  { type: "int(8) zerofill", values: ["0", "42"] },
  { type: "bigint", values: ["-9223372036854775808", "-9007199254740993", "0", "9223372036854775807"] },
  { type: "bigint unsigned", values: ["0", "9007199254740993", "18446744073709551615"] },
  { type: "decimal(10,2)", values: ["0", "-0.01", "99999999.99", "-99999999.99", "1.10"] },
  { type: "decimal(65,30)", values: ["12345678901234567890123456789012345.123456789012345678901234567891", "-0.1"] },
  { type: "decimal(20,0) unsigned", values: ["0", "18446744073709551616"] },
  { type: "float", values: ["0", "-0e0", "0.1", "1e-45", "3.4028234e38", "16777216", "1.17549435e-38"] },
  { type: "double", values: ["0", "0.1", "5e-324", "1.7976931348623157e308", "9007199254740993", "1e23"] },
  { type: "bit(1)", values: ["b'0'", "b'1'"] },
  { type: "bit(9)", values: ["b'0'", "b'1'", "b'111111111'"] },
  { type: "bit(64)", values: ["b'0'", "x'ffffffffffffffff'"] },
  { type: "char(5)", values: ["''", "' '", "'ab'", "'ab   '", "' ab'", "'日本語'", String.raw`'\t'`] },
  { type: "char(3) charset latin1", values: ["'é'", "'€'", "'ÿ'"] },
  { type: "char(36) charset ascii", values: ["'a'"] },
  { type: "varchar(40)", values: everyCharacter },
  { type: "varchar(9) charset latin1", values: ["'äöü€'", "'a '"] },
  { type: "varchar(9) charset utf8mb3", values: ["'日本語'"] },
  { type: "varchar(9) charset ucs2", values: ["'日本語'"] },
  { type: "varchar(9) charset sjis", values: ["'日本語'"] },
  { type: "varchar(0)", values: ["''"] },
  { type: "tinytext", values: everyCharacter },
  { type: "text", values: [...everyCharacter, "repeat('x', 65535)"] },
  { type: "mediumtext", values: ["repeat('é', 300000)"] },
  { type: "longtext", values: ["repeat('日', 1000000)"] },
  { type: "binary(4)", values: ["x'00'", "x'ff00ff00'", "'ab'"] },
  { type: "varbinary(300)", values: ["''", "x'00'", "x'deadbeef'", "repeat(x'5c', 255)"] },
  { type: "tinyblob", values: ["x'0a0d5c00'"] },
  { type: "blob", values: ["''", "repeat(x'00', 65535)"] },
  { type: "mediumblob", values: ["repeat(x'ff', 70000)"] },
  { type: "longblob", values: ["repeat(x'09', 1000000)"] },
  { type: "date", values: ["'0001-01-01'", "'1582-10-10'", "'1969-12-31'", "'2000-02-29'", "'9999-12-31'"] },
  {
    type: "date  comment 'zeros'",
    override: "text",
    values: ["'0000-00-00'", "'2024-00-00'", "'2024-02-00'", "'2024-02-29'"],
  },
  { type: "datetime", values: ["'1000-01-01 00:00:00'", "'2024-02-29 23:59:59'", "'9999-12-31 23:59:59'"] },
  { type: "datetime(6)", values: ["'1969-12-31 23:59:59.999999'", "'2024-01-01 00:00:00.1'"] },
  {
    type: "datetime(3)  comment 'zeros'",
    override: "text",
    values: ["'0000-00-00 00:00:00'", "'2024-00-00 12:34:56.789'", "'2024-02-29 00:00:00.5'"],
  },
  { type: "timestamp null default null", values: ["'1970-01-01 00:00:01'", "'2038-01-19 03:14:07'"] },
  { type: "timestamp(6) null default null", values: ["'2024-10-27 00:30:00.000001'"] },
  { type: "timestamp null default null  comment 'zeros'", override: "text", values: ["'0000-00-00 00:00:00'"] },
  { type: "time", values: ["'00:00:00'", "'23:59:59'"] },
  { type: "time(6)", values: ["'12:34:56.789012'"] },
  {
    type: "time(3)  comment 'long'",
    override: "interval",
    values: ["'838:59:59'", "'-838:59:59'", "'-00:00:00.001'", "'24:00:00'"],
  },
  { type: "year", values: ["1901", "2155", "0"] },
  {
    type: "enum('sad','it''s \"ok\"','größer','a\\\\b')",
    values: ["'sad'", "'it''s \"ok\"'", "'größer'", String.raw`'a\\b'`, "0"],
  },
  { type: "set('a','b','ä')", values: ["''", "'a'", "'a,ä'", "'a,b,ä'"] },
  { type: "json", values: ["'null'", `'{"b":1, "a":[1.10, "é\\\\u00e9", null]}'`, "'[]'", `'"text"'`] },
  { type: "uuid", values: ["'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'"] },
  { type: "inet6", values: ["'::'", "'2001:db8::ff00:42:8329'", "'::ffff:192.0.2.1'"] },
  { type: "inet4", values: ["'0.0.0.0'", "'192.0.2.255'"] },
  { type: "point", values: ["point(1, -2.5)"] },
  { type: "geometry", values: ["st_geomfromtext('POLYGON((0 0,10 0,10 10,0 0))')"] },
  { type: "linestring", values: ["st_geomfromtext('LINESTRING(0 0,1 1)')"] },
];

/** One table for each type: `id`, counted from 1, and `value`; the last row is NULL. Answers their names, in order. */
export function awkwardMysqlTables(): readonly {
  readonly name: string;
  readonly of: AwkwardMysqlType;
  readonly sql: string;
}[] {
  return awkwardMysqlTypes.map((of, at) => {
    const name = `${String(at).padStart(3, "0")} ${of.type}`.slice(0, 40).trim();
    const table = `\`${name.replaceAll("`", "``")}\``;
    const rows = [...of.values, "null"].map((value) => `(${value})`).join(", ");
    return {
      name,
      of,
      sql: `create table ${table} (id int auto_increment primary key, value ${of.type}); insert into ${table} (value) values ${rows}`,
    };
  });
}
