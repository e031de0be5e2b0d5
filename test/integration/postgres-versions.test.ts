/**
 * Databases that try whatever PostgreSQL can hold, to a server of the same version and to a later one: they arrive whole,
 * as an independent picture of both sides says.
 */
import { expect, test } from "vitest";
import { makeTypesTable } from "../testbed/awkward-types.ts";
import { fingerprintDatabase } from "../testbed/fingerprint.ts";
import { onDatabase, type PostgresMajor, type PostgresServer, startPostgres } from "../testbed/postgres.ts";
import { godwit } from "../testbed/program.ts";
import { makeShop, makeShopRoles } from "../testbed/shop.ts";
import { describeOnPostgres } from "../testbed/suites.ts";
import { tempDir } from "../testbed/temp-dir.ts";

const majors: readonly PostgresMajor[] = [15, 18];

describeOnPostgres("from PostgreSQL 15", (postgres) => {
  const copied = async (from: string, target: PostgresServer): Promise<string> => {
    const to = await target.database("arrived");
    await onDatabase(to, makeShopRoles);
    const end = await godwit(["copy", from, to, "--workers", "2", "--chunk-size", "1MiB"], { state: tempDir("state") });
    expect(end.exitCode, end.stderr).toBe(0);
    return to;
  };

  test.each(majors)("an online shop's database arrives whole on %i", async (major) => {
    await using target = await startPostgres({ dir: tempDir("target"), major });
    const from = await postgres.database();
    await onDatabase(from, (client) => makeShop(client, { seed: 7, rows: 2_000 }));
    const to = await copied(from, target);
    expect(await fingerprintDatabase(to)).toEqual(await fingerprintDatabase(from));
  });

  test.each(majors)("every type arrives with its hard values on %i", async (major) => {
    await using target = await startPostgres({ dir: tempDir("target"), major });
    const from = await postgres.database();
    await onDatabase(from, makeTypesTable);
    const to = await copied(from, target);
    expect(await fingerprintDatabase(to)).toEqual(await fingerprintDatabase(from));
  });
});
