/**
 * An independent picture of a whole PostgreSQL database, to hold two of them against each other: what every table holds,
 * where every sequence stands, what the catalog says. A plain value, keyed by names, so that a test's diff names what
 * differs. Made for versions 15 to 18: what these only say differently is left out. It uses nothing of Godwit's own.
 * It does not see what is beside the database (roles, its own settings), security labels, and gathered statistics.
 */
import type pg from "pg";
import { type CatalogSection, catalogSections, userSchema } from "./fingerprint-catalog.ts";
import { onDatabase } from "./postgres.ts";

type Listing = Readonly<Record<string, unknown>>;

/** By section, then by qualified name. */
export type DatabaseFingerprint = Readonly<Record<CatalogSection | "rows" | "sequenceStates", Listing>>;

export interface FingerprintOptions {
  /** Schemas that are not looked at, as their names are. */
  readonly withoutSchemas?: readonly string[];
}

interface Named {
  readonly name: string;
  readonly value: unknown;
}

/** Names come with their schemas, and values look the same whatever the server's and the client's settings are. */
const settings = {
  search_path: "''",
  timezone: "'UTC'",
  datestyle: "'ISO'",
  intervalstyle: "'postgres'",
  extra_float_digits: "1",
  bytea_output: "'hex'",
  lc_monetary: "'C'",
  row_security: "off",
  statement_timeout: "0",
};

/** As superuser, in one snapshot. Time and memory grow with the rows: it is for tests. */
export function fingerprintDatabase(url: string, options: FingerprintOptions = {}): Promise<DatabaseFingerprint> {
  const { withoutSchemas = [] } = options;
  return onDatabase(url, async (client) => {
    await client.query("begin isolation level repeatable read read only");
    for (const [name, value] of Object.entries(settings)) await client.query(`set local ${name} = ${value}`);
    await client.query("select set_config('fingerprint.without', $1::text[]::text, true)", [withoutSchemas]);
    const list = async (text: string): Promise<Listing> => listed((await client.query<Named>(text)).rows);
    const sections: [string, Listing][] = [];
    for (const [section, text] of Object.entries(catalogSections)) sections.push([section, await list(text)]);
    const catalog = Object.fromEntries(sections) as Record<CatalogSection, Listing>;
    return {
      ...catalog,
      views: withoutQualifiers(catalog.views),
      rules: withoutQualifiers(catalog.rules),
      sequenceStates: await each(client, Object.keys(catalog.sequences), stateOf),
      rows: await each(client, Object.keys(await list(withRows)), rowsOf),
    };
  });
}

/** In the order of names, since the order of a catalog is nobody's. */
function listed(rows: readonly Named[]): Listing {
  const sorted = rows.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const listing = Object.fromEntries(sorted.map(({ name, value }) => [name, value]));
  if (Object.keys(listing).length < rows.length) throw new Error("two things have the same name");
  return listing;
}

async function each(
  client: pg.Client,
  names: readonly string[],
  ask: (client: pg.Client, name: string) => Promise<unknown>,
): Promise<Listing> {
  const answers: Named[] = [];
  for (const name of names) answers.push({ name, value: await ask(client, name) });
  return listed(answers);
}

/** What holds rows of its own. Partitions stand for their table. */
const withRows = `
  select format('%I.%I', n.nspname, c.relname) as name, null as value
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where (c.relkind = 'r' or c.relkind = 'm' and c.relispopulated) and ${userSchema}`;

async function rowsOf(client: pg.Client, name: string): Promise<unknown> {
  const { rows } = await client.query<{ value: unknown }>(
    `select jsonb_build_object('count', count(*), 'md5', md5(coalesce(string_agg(md5(line), '' order by line collate "C"), ''))) as value
     from (select godwit_row::text as line from only ${name} as godwit_row) as godwit_lines`,
  );
  return rows[0]?.value;
}

async function stateOf(client: pg.Client, name: string): Promise<unknown> {
  const { rows } = await client.query(`select last_value::text, is_called from ${name}`);
  return rows[0] as unknown;
}

/**
 * From version 16 on a definition says `id` for what 15 calls `products.id`, where no other table is in sight. What stands
 * before a dot is left out, outside of literals; what a definition uses is listed beside it. Not seen is a view that
 * takes two columns of one name, of two tables, in each other's place.
 */
function withoutQualifiers(listing: Listing): Listing {
  const literalOrQualifier = /('(?:[^']|'')*')|(?:"(?:[^"]|"")+"|\b[a-z_][\w$]*)\./gi;
  const bare = (definition: string): string =>
    definition.replaceAll(literalOrQualifier, (_, literal: string | undefined) => literal ?? "");
  return Object.fromEntries(
    Object.entries(listing as Readonly<Record<string, { readonly definition: string }>>).map(([name, value]) => [
      name,
      { ...value, definition: bare(value.definition) },
    ]),
  );
}
