/** Two databases that a job copies between while things break: large enough that each moment can be met. */
import { onDatabase } from "../testbed/postgres.ts";
import { until } from "../testbed/server-process.ts";

/** With a key and without one, in several ranges, with an index that takes a while. */
const tables = `
  create table keyed (id bigint primary key, name text, at timestamptz default now(), raw text);
  insert into keyed select i, md5(i::text), now(), repeat(md5((i * 7)::text), 4) from generate_series(1, 250000) i;
  create index on keyed (raw, name);
  create table keyless (a int, b text);
  insert into keyless select i % 100, md5((i % 1000)::text) from generate_series(1, 100000) i;
  create table child (id int primary key, parent bigint references keyed (id));
  insert into child select i, i from generate_series(1, 5000) i;
`;

export async function fillDatabase(url: string): Promise<void> {
  await onDatabase(url, (client) => client.query(tables));
}

/** Moments of a copy, as its target shows them. */
export const moments = {
  "while the schema is made":
    "select from pg_stat_activity where application_name = 'godwit' and state = 'idle in transaction' and datname = current_database()",
  "in the middle of a COPY":
    "select from pg_stat_progress_copy where type = 'PIPE' and command = 'COPY FROM' and bytes_processed > 0 and datname = current_database()",
  "after ranges were recorded": "select from godwit.steps where step like 'rows %' offset 2",
  "while an index is built": "select from pg_stat_progress_create_index where datname = current_database()",
  "while rows are read back":
    "select from pg_stat_progress_copy where command = 'COPY TO' and datname = current_database()",
} as const;
export type Moment = keyof typeof moments;

export async function isMoment(url: string, moment: Moment): Promise<boolean> {
  return onDatabase(url, async (client) => {
    // What the query names may not be there yet.
    const { rowCount } = await client.query(moments[moment]).catch(() => ({ rowCount: 0 }));
    return (rowCount ?? 0) > 0;
  });
}

export function askOf<Row extends object>(url: string, text: string): Promise<readonly Row[]> {
  return onDatabase(url, async (client) => (await client.query<Row>(text)).rows);
}

/** Nobody of Godwit is left on this database, soon after those who worked there have ended. */
export async function noSessions(url: string): Promise<void> {
  let left: readonly object[] = [];
  await until(
    async () => {
      left = await askOf(
        url,
        `select pid, state, query from pg_stat_activity where datname = current_database()
          and application_name = 'godwit'`,
      );
      return left.length === 0;
    },
    () => `sessions are left: ${JSON.stringify(left)}`,
    10_000,
  );
}
