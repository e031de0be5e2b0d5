/** What `src/model` says of dates, numbers and JSON, held against what a real server says. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonicalJsonText } from "../../src/model/canonical-json.ts";
import { formatDate, formatInstant, parseDate, parseInstant } from "../../src/model/civil-time.ts";
import { compareDecimals, normalDecimal } from "../../src/model/decimal.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { describeOnPostgres } from "../testbed/suites.ts";

/** Of one run, so that a failure can be told again. */
const seed = 20_261_122;

function sample<T>(values: fc.Arbitrary<T>, numRuns: number): T[] {
  return fc.sample(values, { seed, numRuns });
}

describeOnPostgres("values as PostgreSQL has them", (postgres) => {
  async function column<T>(query: string, values: readonly unknown[]): Promise<readonly T[]> {
    return onDatabase(postgres.server().url(), async (client) => {
      await client.query("set timezone to 'UTC'; set datestyle to 'ISO'");
      const { rows } = await client.query<{ value: T }>(query, [values]);
      return rows.map(({ value }) => value);
    });
  }

  test("days have the same dates, from its first to its last", async () => {
    const days = [
      -2_440_588,
      -719_163,
      -719_162,
      ...sample(fc.integer({ min: -2_440_588, max: 2_145_042_541 }), 2_000),
    ];
    const dates = await column<string>(
      "select (date '1970-01-01' + day)::text as value from unnest($1::int[]) with ordinality as t (day, place) order by place",
      days,
    );
    expect(days.map(formatDate)).toEqual(dates);
    expect(dates.map(parseDate)).toEqual(days);
  });

  test("moments have the same texts", async () => {
    const moments = sample(fc.bigInt({ min: -210_866_803_200_000_000n, max: 9_223_371_331_200_000_000n - 1n }), 2_000);
    const texts = await column<string>(
      `select (timestamptz '1970-01-01 00:00:00+00' + (n / 86400000000) * interval '1 day' + (n % 86400000000) * interval '1 microsecond')::text as value
       from unnest($1::bigint[]) with ordinality as t (n, place) order by place`,
      moments.map(String),
    );
    expect(moments.map(formatInstant)).toEqual(texts);
    expect(texts.map((text) => BigInt(parseInstant(text) as number))).toEqual(moments);
  });

  const number = fc
    .tuple(fc.bigInt({ min: -(10n ** 12n), max: 10n ** 12n }), fc.nat(15), fc.integer({ min: -3, max: 3 }))
    .map(([value, scale, power]) => {
      const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
      const at = digits.length - scale;
      const point = scale === 0 ? "" : ".";
      return `${value < 0n ? "-" : ""}${digits.slice(0, at)}${point}${digits.slice(at)}${power === 0 ? "" : `e${power}`}`;
    });

  test("decimals have the same normal form and the same order", async () => {
    const numbers = ["NaN", "Infinity", "-Infinity", "0.00", "-0", ...sample(number, 2_000)];
    const normal = await column<string>(
      "select trim_scale(n::numeric)::text as value from unnest($1::text[]) with ordinality as t (n, place) order by place",
      numbers,
    );
    expect(numbers.map(normalDecimal)).toEqual(normal);
    const ordered = await column<string>(
      "select trim_scale(n::numeric)::text as value from unnest($1::text[]) as t (n) order by n::numeric",
      numbers,
    );
    expect(normal.toSorted(compareDecimals)).toEqual(ordered);
  });

  test("two documents are the same exactly when jsonb says so", async () => {
    const leaf = fc.constantFrom("1", "1.0", "10e-1", "2", '"a"', String.raw`"\u0061"`, "null", "[]", "{}", "true");
    const member = fc.tuple(fc.constantFrom('"a"', String.raw`"\u0061"`, '"b"'), leaf).map((pair) => pair.join(":"));
    const node = fc.oneof(
      leaf,
      fc.array(leaf, { maxLength: 2 }).map((all) => `[${all.join(" , ")}]`),
      fc.array(member, { maxLength: 3 }).map((all) => `{ ${all.join(",")} }`),
    );
    const pairs = sample(fc.tuple(node, node), 3_000);
    const same = await column<boolean>(
      `select (p->>0)::jsonb = (p->>1)::jsonb as value from unnest($1::jsonb[]) with ordinality as t (p, place) order by place`,
      pairs.map((pair) => JSON.stringify(pair)),
    );
    expect(same.filter(Boolean).length).toBeGreaterThan(50);
    expect(pairs.map(([one, other]) => canonicalJsonText(one) === canonicalJsonText(other))).toEqual(same);
  });
});
