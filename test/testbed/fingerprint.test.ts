import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { expect, test } from "vitest";
import { type DatabaseFingerprint, fingerprintDatabase } from "./fingerprint.ts";
import { onDatabase } from "./postgres.ts";
import { makeShop, makeShopRoles } from "./shop.ts";
import { describeOnPostgres, type PostgresSuite } from "./suites.ts";
import { postgresPrograms } from "./tools.ts";

const rows = 300;

async function shop(postgres: PostgresSuite, seed = 1): Promise<string> {
  const url = await postgres.database();
  await onDatabase(url, (client) => makeShop(client, { seed, rows }));
  return url;
}

/** What one of the two lacks or has otherwise, as `section name`. */
function differences(a: DatabaseFingerprint, b: DatabaseFingerprint): readonly string[] {
  const sections = Object.keys(a) as (keyof DatabaseFingerprint)[];
  return sections.flatMap((section) => {
    const names = new Set([...Object.keys(a[section]), ...Object.keys(b[section])]);
    const differing = [...names].filter((name) => !isDeepStrictEqual(a[section][name], b[section][name]));
    return differing.map((name) => `${section} ${name}`);
  });
}

/** By PostgreSQL's own programs, of version 15. */
async function copyByDump(from: string, to: string): Promise<void> {
  const bin = postgresPrograms(15) ?? "";
  const dump = spawnSync(join(bin, "pg_dump"), ["-d", from], { maxBuffer: 2 ** 30 });
  expect([dump.status, dump.stderr.toString()]).toEqual([0, ""]);
  await onDatabase(to, makeShopRoles);
  const flags = ["--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", "-d", to];
  const load = spawnSync(join(bin, "psql"), flags, { input: dump.stdout, maxBuffer: 2 ** 30, encoding: "utf8" });
  expect(load.status, load.stderr).toBe(0);
}

interface Change {
  readonly what: string;
  readonly by: string;
  readonly back: string;
  /** As `differences` names it. */
  readonly seen: readonly string[];
}

const schemaOfItsOwn = `
  create schema "G'w"; create table "G'w".t (id serial primary key); create view "G'w".v as table "G'w".t;
  comment on table "G'w".t is 'c'; grant select on "G'w".t to shop_app; insert into "G'w".t values (1)`;

const archive = `"Archiv ""2019"" / é"`;

const changes: readonly Change[] = [
  {
    what: "one bit of one value",
    by: "update product_images set bytes = set_bit(bytes, 100, 1 - get_bit(bytes, 100)) where (product_id, position) = (100, 1)",
    back: "update product_images set bytes = set_bit(bytes, 100, 1 - get_bit(bytes, 100)) where (product_id, position) = (100, 1)",
    seen: ["rows public.product_images"],
  },
  {
    what: "an empty string that was NULL",
    by: `update "order" set "user" = '' where id = 2`,
    back: `update "order" set "user" = null where id = 2`,
    seen: [`rows public."order"`],
  },
  {
    what: "a row of no column",
    by: "insert into nothing default values",
    back: "delete from nothing where ctid = (select max(ctid) from nothing)",
    seen: ["rows public.nothing"],
  },
  {
    what: "a doubled row in a table without a key",
    by: "insert into warehouse.movements select * from warehouse.movements where ctid = (select min(ctid) from warehouse.movements)",
    back: "delete from warehouse.movements where ctid = (select max(ctid) from warehouse.movements)",
    seen: ["rows warehouse.movements"],
  },
  {
    what: "two swapped values",
    by: "update grown set kept = case id when 2 then 'other' else 'kept' end where id in (2, 4)",
    back: "update grown set kept = 'kept' where id = 2",
    seen: ["rows public.grown"],
  },
  {
    what: "a comment",
    by: "comment on column products.net is 'after tax'",
    back: "comment on column products.net is 'before tax; $$ and '' are only characters'",
    seen: ["comments table column public.products.net"],
  },
  {
    what: "a grant",
    by: "grant delete on coupons to shop_reader",
    back: "revoke delete on coupons from shop_reader",
    seen: ["grants relation public.coupons"],
  },
  {
    what: "a grant on one column",
    by: `revoke select ("Full Name") on customers from shop_app`,
    back: `grant select ("Full Name") on customers to shop_app`,
    seen: [`grants column public.customers."Full Name"`],
  },
  {
    what: "a right that everybody has had",
    by: "revoke execute on function slug(text) from public",
    back: "grant execute on function slug(text) to public",
    seen: ["grants function public.slug(text)"],
  },
  {
    what: "a default privilege",
    by: "alter default privileges for role shop_owner in schema warehouse revoke select on tables from shop_reader",
    back: "alter default privileges for role shop_owner in schema warehouse grant select on tables to shop_reader",
    seen: ["defaultPrivileges shop_owner r warehouse"],
  },
  {
    what: "an owner",
    by: "alter table coupons owner to shop_app",
    back: "alter table coupons owner to godwit",
    seen: ["relations public.coupons", "grants relation public.coupons"],
  },
  {
    what: "a sequence that was called",
    by: "select nextval('never_called')",
    back: "select setval('never_called', 77, false)",
    seen: ["sequenceStates public.never_called"],
  },
  {
    what: "a sequence's option",
    by: "alter sequence countdown no cycle",
    back: "alter sequence countdown cycle",
    seen: ["sequences public.countdown"],
  },
  {
    what: "a default",
    by: "alter table grown alter later set default '2024-02-29 12:00:01+00'",
    back: "alter table grown alter later set default '2024-02-29 12:00:00+00'",
    seen: ["columns public.grown.later"],
  },
  {
    what: "a collation",
    by: `alter table ${archive}.empty alter what type text collate "C"`,
    back: `alter table ${archive}.empty alter what type text`,
    seen: [`columns ${archive}.empty.what`],
  },
  {
    what: "how an identity is given",
    by: "alter table products alter id set generated always",
    back: "alter table products alter id set generated by default",
    seen: ["columns public.products.id"],
  },
  {
    what: "an index that is gone",
    by: "drop index reviews_rating",
    back: "create index reviews_rating on reviews (rating) with (deduplicate_items = off); alter table reviews cluster on reviews_rating",
    seen: ["indexes public.reviews_rating"],
  },
  {
    what: "a clustered index",
    by: "alter table reviews set without cluster",
    back: "alter table reviews cluster on reviews_rating",
    seen: ["indexes public.reviews_rating"],
  },
  {
    what: "a constraint that does not hold for what is there",
    by: "alter table related_products drop constraint related_in_order, add constraint related_in_order check (a < b) not valid",
    back: "alter table related_products validate constraint related_in_order",
    seen: ["constraints public.related_products: related_in_order"],
  },
  {
    what: "a trigger that is on",
    by: "alter table payments enable trigger payments_off",
    back: "alter table payments disable trigger payments_off",
    seen: ["triggers public.payments: payments_off"],
  },
  {
    what: "a policy",
    by: "alter policy later on coupons using (percent is not null)",
    back: "alter policy later on coupons using (percent is null)",
    seen: ["policies public.coupons: later"],
  },
  {
    what: "row-level security that is not forced",
    by: "alter table payment_cards no force row level security",
    back: "alter table payment_cards force row level security",
    seen: ["relations public.payment_cards"],
  },
  {
    what: "what a view computes",
    by: `create or replace view customers_public as select id, "Full Name" || '' as "Full Name", tags from customers`,
    back: `create or replace view customers_public as select id, "Full Name", tags from customers`,
    seen: ["views public.customers_public"],
  },
  {
    what: "a materialized view that was not refreshed",
    by: "refresh materialized view best_months with no data",
    back: "refresh materialized view best_months",
    seen: ["relations public.best_months", "rows public.best_months"],
  },
  {
    what: "a function's body",
    by: "create or replace function cheapest(variadic numeric[]) returns numeric language sql as 'select max(n) from unnest($1) n'",
    back: "create or replace function cheapest(variadic numeric[]) returns numeric language sql as 'select min(n) from unnest($1) n'",
    seen: ["functions public.cheapest(numeric[])"],
  },
  {
    what: "a label of an enum",
    by: "alter type order_status rename value 'paid' to 'settled'",
    back: "alter type order_status rename value 'settled' to 'paid'",
    seen: [
      "columns public.orders_2025_all.status",
      "types public.order_status",
      'rows public."orders before"',
      "rows public.orders_2024_eu",
      "rows public.orders_2024_rest",
      "rows public.orders_2024_us",
      "rows public.orders_2025_all",
    ],
  },
  {
    what: "a check of a domain",
    by: "alter domain net_price drop not null",
    back: "alter domain net_price set not null",
    seen: ["types public.net_price"],
  },
  {
    what: "statistics",
    by: "alter statistics orders_place set statistics 251",
    back: "alter statistics orders_place set statistics 250",
    seen: ["statistics public.orders_place"],
  },
  {
    what: "a storage parameter",
    by: "alter table products set (toast.autovacuum_enabled = true)",
    back: "alter table products set (toast.autovacuum_enabled = false)",
    seen: ["relations public.products"],
  },
  {
    what: "a rule",
    by: "alter table coupons disable rule coupons_archive",
    back: "alter table coupons enable rule coupons_archive",
    seen: ["rules public.coupons: coupons_archive"],
  },
  {
    what: "an unlogged table that is logged",
    by: "alter table audit.sessions set logged",
    back: "alter table audit.sessions set unlogged",
    seen: ["relations audit.sessions"],
  },
  {
    what: "a publication's operations",
    by: "alter publication shop_changes set (publish = 'insert')",
    back: "alter publication shop_changes set (publish = 'insert, update, delete, truncate')",
    seen: ["publications shop_changes"],
  },
  {
    what: "a large object",
    by: "select lo_from_bytea(4711, 'bytes')",
    back: "select lo_unlink(4711)",
    seen: ["largeObjects count"],
  },
];

describeOnPostgres(
  "the shop and its fingerprint",
  (old) => {
    test("holds every kind of thing, and more tables than a copy can forget one by one", async () => {
      const print = await fingerprintDatabase(await shop(old));
      const empty = Object.entries(print).filter(([, listing]) => Object.keys(listing).length === 0);
      expect(empty).toEqual([]);
      expect(Object.keys(print.rows).length).toBeGreaterThanOrEqual(40);
      const counts = Object.entries(print.rows).filter(([, value]) => (value as { count: number }).count === 0);
      expect(counts.map(([name]) => name)).toEqual([`${archive}.empty`]);
    });

    test("differs by exactly what was changed, and is as before once that is taken back", async () => {
      const url = await shop(old);
      const before = await fingerprintDatabase(url);
      for (const { what, by, back, seen } of changes) {
        await onDatabase(url, (client) => client.query(by));
        expect(differences(before, await fingerprintDatabase(url)), what).toEqual(seen);
        await onDatabase(url, (client) => client.query(back));
      }
      expect(await fingerprintDatabase(url)).toEqual(before);
    });

    test("leaves out the schemas that it is told to", async () => {
      const url = await shop(old);
      const before = await fingerprintDatabase(url);
      await onDatabase(url, (client) => client.query(schemaOfItsOwn));
      expect(await fingerprintDatabase(url)).not.toEqual(before);
      expect(await fingerprintDatabase(url, { withoutSchemas: ["G'w"] })).toEqual(before);
    });

    test("a copy by pg_dump has the same", async () => {
      const [from, to] = [await shop(old), await old.database()];
      await copyByDump(from, to);
      expect(await fingerprintDatabase(to)).toEqual(await fingerprintDatabase(from));
    });

    describeOnPostgres(
      "and version 18",
      (next) => {
        test("the same seed makes the same on both, another seed another", async () => {
          const print = await fingerprintDatabase(await shop(old));
          expect(await fingerprintDatabase(await shop(next))).toEqual(print);
          const other = differences(print, await fingerprintDatabase(await shop(next, 2)));
          expect(other).toContain("rows public.orders_2024_eu");
          expect(other.filter((name) => !name.startsWith("rows ") && !name.startsWith("sequenceStates "))).toEqual([]);
        });

        test("a copy by pg_dump from 15 to 18 has the same", async () => {
          const [from, to] = [await shop(old), await next.database()];
          await copyByDump(from, to);
          expect(await fingerprintDatabase(to)).toEqual(await fingerprintDatabase(from));
        });
      },
      { major: 18 },
    );
  },
  { major: 15 },
);
