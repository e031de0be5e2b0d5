/**
 * Reads every table of two databases in the order of its key, by COPY in binary form, and compares their SHA-256: what one
 * does to know that a copy lost nothing. `node bench/hash-tables.ts SOURCE TARGET JOBS`
 */
import { createHash } from "node:crypto";
import { copyOut } from "../src/connectors/postgres/copy.ts";
import { onDatabase } from "../test/testbed/postgres.ts";

const [source = "", target = "", jobs = "2"] = process.argv.slice(2);

/** The largest tables first. One without a key is sorted by whole rows. */
const statementsOf = `
  select format('copy (select * from %1$s t order by %2$s) to stdout (format binary)', c.oid::regclass,
    coalesce((select string_agg(quote_ident(a.attname), ', ' order by k.at)
      from pg_index i, unnest(i.indkey) with ordinality as k (attnum, at)
      join pg_attribute a on a.attnum = k.attnum
      where i.indrelid = c.oid and i.indisprimary and a.attrelid = c.oid), 't')) as statement
  from pg_class c
  where c.relkind = 'r' and c.relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema')
  order by pg_table_size(c.oid) desc`;

async function digestOf(url: string, statement: string): Promise<string> {
  const hash = createHash("sha256");
  await onDatabase(url, async (client) => {
    for await (const bytes of copyOut(client, statement, new AbortController().signal)) hash.update(bytes);
  });
  return hash.digest("hex");
}

const statements = await onDatabase(source, async (client) => {
  const { rows } = await client.query<{ statement: string }>(statementsOf);
  return rows.map(({ statement }) => statement);
});
const digests = new Map<string, string>();
const waiting = statements.flatMap((statement) => [source, target].map((url) => ({ url, statement })));

async function work(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const digest = await digestOf(next.url, next.statement);
    if ((digests.get(next.statement) ?? digest) !== digest) throw new Error(`another digest: ${next.statement}`);
    digests.set(next.statement, digest);
  }
}

await Promise.all(Array.from({ length: Number(jobs) }, work));
