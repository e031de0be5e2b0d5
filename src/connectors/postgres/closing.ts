/** The last statements of a database: each for itself, so that one that cannot be made does not take the others with it. */
import type pg from "pg";
import { sqlStateOf } from "./errors.ts";

/** As `pg_restore` heads each of its parts. */
const heading = /^--\n-- Name: (.*); Type: (.*); Schema: .*\n--\n/gm;

/** Rows that do not fit, and what is gone: the statement's own fault, where everything else stops all of them. */
const ownFault = /^(?:23|42)/;

/**
 * @param client in a transaction
 * @returns in words, what could not be made: a foreign key whose rows are missing, a trigger of a table that changed
 */
export async function runEach(client: pg.Client, sql: string): Promise<readonly string[]> {
  const failed: string[] = [];
  const heads = [...sql.matchAll(heading)];
  await client.query(sql.slice(0, heads[0]?.index ?? sql.length));
  for (const [at, head] of heads.entries()) {
    const [title, name = "", type = ""] = head;
    const statement = sql.slice(head.index + title.length, heads[at + 1]?.index ?? sql.length);
    await client.query("savepoint part");
    try {
      await client.query(statement);
    } catch (error) {
      if (!ownFault.test(sqlStateOf(error) ?? "")) throw error;
      await client.query("rollback to savepoint part");
      failed.push(`${type.toLowerCase()} ${name} (${error instanceof Error ? error.message : String(error)})`);
    }
    await client.query("release savepoint part");
  }
  return failed;
}
