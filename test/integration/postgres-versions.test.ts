/**
 * Databases that try whatever PostgreSQL can hold, to a server of the same version and to a later one: they arrive whole,
 * as an independent picture of both sides says.
 */
import { expect, test } from "vitest";
import { tables } from "../../src/connectors/postgres/catalog.ts";
import { qualified } from "../../src/connectors/postgres/names.ts";
import { placeOf } from "../../src/connectors/postgres/place.ts";
import { Session } from "../../src/connectors/postgres/session.ts";
import { makeTypesTable, type TypeTable } from "../testbed/awkward-types.ts";
import { fingerprintDatabase } from "../testbed/fingerprint.ts";
import { onDatabase, type PostgresMajor, type PostgresServer, startPostgres } from "../testbed/postgres.ts";
import { godwit } from "../testbed/program.ts";
import { makeShop, makeShopRoles } from "../testbed/shop.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";
import { pageOnDisk, type ProvenType, typesPage } from "./types-page.ts";

const majors: readonly PostgresMajor[] = [15, 18];

async function copied(from: string, target: PostgresServer): Promise<string> {
  const to = await target.database("arrived");
  await onDatabase(to, makeShopRoles);
  const end = await godwit(["copy", from, to, "--workers", "2", "--chunk-size", "1MiB"], { state: tempDir("state") });
  expect(end.exitCode, end.stderr).toBe(0);
  return to;
}

/** How the rows of each type's table were sent. */
async function proven(from: string, made: readonly TypeTable[]): Promise<readonly ProvenType[]> {
  await using session = new Session(placeOf(from), "source");
  const all = new Map((await tables(session)).map((found) => [qualified(found), found]));
  return made.map(({ type, table, rows }) => {
    const form = all.get(unquoted(table))?.columns.every(({ isPortable }) => isPortable) === true ? "binary" : "text";
    return { type, values: rows, form };
  });
}

function unquoted(table: string): string {
  const [schema = "", name = ""] = table.split(/\.(.*)/s);
  return `"${schema}".${name}`;
}

describeOnPostgres("from PostgreSQL 15", (postgres) => {
  test.each(majors)("an online shop's database arrives whole on %i", async (major) => {
    await using target = await startPostgres({ dir: tempDir("target"), major });
    const from = await postgres.database();
    await onDatabase(from, (client) => makeShop(client, { seed: 7, rows: 2_000 }));
    const to = await copied(from, target);
    expect(await fingerprintDatabase(to)).toEqual(await fingerprintDatabase(from));
  });

  test("every type arrives with its hard values, and the page of types says so", async () => {
    const from = await postgres.database();
    const made = await onDatabase(from, makeTypesTable);
    const before = await fingerprintDatabase(from);
    for (const major of majors) {
      await using target = await startPostgres({ dir: tempDir("target"), major });
      expect(await fingerprintDatabase(await copied(from, target)), `on ${major}`).toEqual(before);
    }
    const page = typesPage(await proven(from, made), majors);
    expect(pageOnDisk(page)).toBe(page);
  });
});
