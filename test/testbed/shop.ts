/**
 * The database of an online shop, with everything that a whole schema may hold: what it has stands in `shop/*.sql`. The
 * same seed and size give the same database, on PostgreSQL 15 and 18.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";

export interface ShopOptions {
  /** Which values stand in the rows. */
  readonly seed: number;
  /**
   * How many orders and events there are; other tables have as many as that asks for. From 300 on no table is empty but
   * the one that is meant to be. 300 take half a second, 40,000 some 15 seconds and 63 MB.
   */
  readonly rows: number;
}

const read = (name: string): string => readFileSync(join(import.meta.dirname, "shop", `${name}.sql`), "utf8");

/** The roles that own and use the shop's objects. A copy to another server needs them there before. Twice is once. */
export async function makeShopRoles(client: pg.Client): Promise<void> {
  await client.query(read("roles"));
}

/** Makes the shop in an empty database, as superuser, and its roles. */
export async function makeShop(client: pg.Client, { seed, rows }: ShopOptions): Promise<void> {
  await makeShopRoles(client);
  for (const part of ["types", "tables", "around", "comments-and-grants"]) await client.query(read(part));
  await client.query("select set_config('shop.seed', $1, false), set_config('shop.rows', $2, false)", [
    String(seed),
    String(rows),
  ]);
  await client.query(read("data"));
  await client.query("reset time zone");
}
