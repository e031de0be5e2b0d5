/** What `doctor` finds of a database: whether it can be read or written, and what of it cannot be carried. */
import type { Finding, OpenOptions } from "../../ports/connector.ts";
import { placeOf } from "./place.ts";
import { Session } from "./session.ts";

export async function* diagnose(
  url: string,
  role: "source" | "target",
  _options: OpenOptions,
  signal: AbortSignal,
): AsyncGenerator<Finding> {
  await using session = new Session(placeOf(url));
  signal.throwIfAborted();
  const [server] = await session.rows<{ version: string; who: string }>(
    "select current_setting('server_version') as version, current_user as who",
  );
  yield {
    subject: "server",
    level: "ok",
    text: `PostgreSQL ${server?.version ?? ""}, as ${server?.who ?? ""}`,
    error: null,
  };
  if (role === "source") yield* findUncarried(session);
}

const uncarried: readonly (readonly [subject: string, query: string, text: string])[] = [
  [
    "large objects",
    "select pg_catalog.count(*)::text as n from pg_catalog.pg_largeobject_metadata",
    "are not carried: move them to bytea columns, or copy them by pg_dump and pg_restore",
  ],
  [
    "foreign tables",
    "select pg_catalog.count(*)::text as n from pg_catalog.pg_foreign_table",
    "keep their definition; their rows are elsewhere and stay there",
  ],
];

async function* findUncarried(session: Session): AsyncGenerator<Finding> {
  for (const [subject, query, text] of uncarried) {
    const [row] = await session.rows<{ n: string }>(query);
    const count = Number(row?.n ?? 0);
    if (count > 0) yield { subject, level: "note", text: `${count} ${text}`, error: null };
  }
}
