import pg from "pg";

const patienceMs = 5_000;

/**
 * The first column of the first row, in a transaction that can change nothing. A connection for each reading: it is one
 * every 10 s, and a source under load may have closed an idle one.
 */
export async function readSql(url: string, query: string, signal: AbortSignal): Promise<number> {
  signal.throwIfAborted();
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: patienceMs,
    statement_timeout: patienceMs,
    query_timeout: patienceMs,
    application_name: "godwit signal",
  });
  // What breaks while nobody asks is met by the next question.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.query("begin read only");
    // A named one is prepared, and a prepared one is alone: no commit can follow in the same text.
    const { rows } = await client.query<unknown[]>({ name: "signal", text: query, rowMode: "array" });
    const first = rows[0]?.[0];
    if (first === undefined || first === null || first === "") throw new Error("the query found nothing");
    return Number(first);
  } finally {
    await client.end();
  }
}
