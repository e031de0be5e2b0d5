/**
 * A database on PostgreSQL 15 is moved to PostgreSQL 18: `node examples/postgres-15-to-18/run.ts`. It starts both servers
 * on this machine, fills the first with an online shop, and shows the commands that an operator would type.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onDatabase, startPostgres } from "../../test/testbed/postgres.ts";
import { makeShop, makeShopRoles } from "../../test/testbed/shop.ts";

const program = join(import.meta.dirname, "..", "..", "bin", "godwit.mjs");
const scratch = mkdtempSync(join(tmpdir(), "godwit-example-"));
const state = join(scratch, "state");

function godwit(...args: readonly string[]): void {
  process.stdout.write(`\n$ godwit ${args.join(" ")}\n`);
  execFileSync(process.execPath, [program, ...args], {
    stdio: "inherit",
    env: { ...process.env, GODWIT_STATE: state },
  });
}

try {
  await using old = await startPostgres({ dir: join(scratch, "old"), major: 15 });
  await using modern = await startPostgres({ dir: join(scratch, "new"), major: 18 });
  const [from, to] = [await old.database("shop"), await modern.database("shop")];
  await onDatabase(from, (client) => makeShop(client, { seed: 1, rows: 5_000 }));
  // Roles belong to a server, not to a database: an operator moves them by pg_dumpall.
  await onDatabase(to, makeShopRoles);
  godwit("doctor", from, to);
  godwit("copy", from, to, "--report", join(scratch, "report.json"));
  godwit("report", "verify", join(scratch, "report.json"));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
