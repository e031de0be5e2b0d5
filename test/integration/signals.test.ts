/** Signals as their servers give them: a PostgreSQL, and an HTTP server that answers as Prometheus does. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ExternalThreshold } from "../../src/model/threshold.ts";
import { openSignals } from "../../src/platform/signals.ts";
import { onDatabase } from "../testbed/postgres.ts";
import { describeOnPostgres } from "../testbed/suites.ts";

const never = new AbortController().signal;

const thresholdAt = (url: string, tokenFrom?: string): ExternalThreshold => ({
  type: "prometheus",
  name: "cpu",
  url,
  query: 'max(cpu{host="a b"})',
  above: 0.8,
  ...(tokenFrom !== undefined && { tokenFrom }),
});
const vector = (...values: string[]): string =>
  JSON.stringify({
    status: "success",
    data: { resultType: "vector", result: values.map((value) => ({ metric: {}, value: [1_800_000_000.5, value] })) },
  });

describe("a signal of Prometheus", () => {
  let server: Server | null = null;
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = null;
  });

  interface Asked {
    readonly url: string;
    readonly authorization: string | undefined;
  }

  async function serve(
    status: number,
    body: string | null,
  ): Promise<{ readonly url: string; readonly asked: Asked[] }> {
    const asked: Asked[] = [];
    const made = createServer((request, response) => {
      asked.push({ url: request.url ?? "", authorization: request.headers.authorization });
      if (body !== null) response.writeHead(status, { "content-type": "application/json" }).end(body);
    });
    server = made;
    await new Promise<void>((resolve) => void made.listen(0, "127.0.0.1", resolve));
    return { url: `http://127.0.0.1:${(made.address() as AddressInfo).port}/prometheus/`, asked };
  }

  const signals = openSignals({ secret: async (reference) => `secret of ${reference}` });
  test("is the greatest of its series, asked for with the token that is referred to", async () => {
    const { url, asked } = await serve(200, vector("0.25", "0.75", "1e-3"));
    expect(await signals.read(thresholdAt(url, "env:TOKEN"), never)).toBe(0.75);
    expect(asked).toEqual([
      {
        url: "/prometheus/api/v1/query?query=max%28cpu%7Bhost%3D%22a+b%22%7D%29",
        authorization: "Bearer secret of env:TOKEN",
      },
    ]);
  });

  test("may be a scalar", async () => {
    const scalar = { status: "success", data: { resultType: "scalar", result: [1_800_000_000, "12"] } };
    const { url } = await serve(200, JSON.stringify(scalar));
    expect(await signals.read(thresholdAt(url), never)).toBe(12);
  });

  const bad: readonly (readonly [string, number, string])[] = [
    ["an empty answer", 200, vector()],
    ["no number", 200, vector("NaN")],
    ["an empty number", 200, vector("")],
    ["infinity", 200, vector("0.1", "+Inf")],
    ["an error", 422, '{"status":"error","error":"parse error"}'],
    ["an error inside of a success", 200, '{"status":"error","error":"parse error"}'],
    ["a page", 200, "<html>login</html>"],
    ["a matrix", 200, '{"status":"success","data":{"resultType":"matrix","result":[]}}'],
    ["more than can be", 200, " ".repeat(2 ** 20 + 1)],
  ];
  for (const [what, status, body] of bad) {
    test(`cannot be read: ${what}`, async () => {
      const { url } = await serve(status, body);
      await expect(signals.read(thresholdAt(url), never)).rejects.toMatchObject({ code: "signal_unreadable" });
    });
  }

  test("cannot be read where nobody listens, where no secret is found, and after the question was given up", async () => {
    const unreadable = { code: "signal_unreadable" };
    await expect(signals.read(thresholdAt("http://127.0.0.1:1"), never)).rejects.toMatchObject(unreadable);
    const without = openSignals({ secret: () => Promise.reject(new Error("TOKEN is not set")) });
    await expect(without.read(thresholdAt("http://127.0.0.1:1", "env:TOKEN"), never)).rejects.toThrow(
      "TOKEN is not set",
    );
    const { url, asked } = await serve(200, null);
    const stop = new AbortController();
    const read = signals.read(thresholdAt(url), stop.signal);
    await expect.poll(() => asked.length).toBe(1);
    stop.abort(new Error("given up"));
    await expect(read).rejects.toMatchObject(unreadable);
  });
});

describeOnPostgres("a signal of SQL", (postgres) => {
  const read = async (query: string, url?: string): Promise<number> => {
    const at = url ?? (await postgres.database());
    const threshold = { type: "sql", name: "lag", urlFrom: "env:LAG", query, above: 30 } as const;
    return openSignals({ secret: async () => at }).read(threshold, never);
  };

  test("is the first column of the first row", async () => {
    expect(await read("select 12.5, 7 union all select 99, 8 order by 1")).toBe(12.5);
    expect(await read("select count(*) from pg_class where false")).toBe(0);
  });

  for (const query of ["select 1 where false", "select null", "select 'NaN'::float8", "select 'much'", "selec 1"]) {
    test(`cannot be read: ${query}`, async () => {
      await expect(read(query)).rejects.toMatchObject({ code: "signal_unreadable" });
    });
  }

  test("changes nothing, not even in a second statement", async () => {
    const url = await postgres.database();
    const queries = [
      "create table t (x int)",
      "select 1; commit; create table t (x int)",
      "commit; create table t (x int)",
    ];
    for (const query of queries)
      await expect(read(query, url), query).rejects.toMatchObject({ code: "signal_unreadable" });
    const { rows } = await onDatabase(url, (client) => client.query("select to_regclass('t') as found"));
    expect(rows).toEqual([{ found: null }]);
  });

  test("that cannot be reached does not show the password", async () => {
    const url = "postgres://reader:hunter2@127.0.0.1:1/none";
    await expect(read("select 1", url)).rejects.toMatchObject({ code: "signal_unreadable" });
    await expect(read("select 1", url)).rejects.not.toThrow("hunter2");
  });
});
