/** What of a database no copy takes along: told by name and number, by `doctor` before and by the plan of a job. */
import { pathFromText } from "../../model/path.ts";
import type { Problem } from "../../ports/source.ts";
import type { Session } from "./session.ts";

export interface Uncarried {
  readonly subject: string;
  readonly query: string;
  readonly text: string;
  /** A job does not end clean with it: something is missing on the target. */
  readonly isMissed: boolean;
}

export const uncarriedKinds: readonly Uncarried[] = [
  {
    subject: "large objects",
    query: "select pg_catalog.count(*)::text as n from pg_catalog.pg_largeobject_metadata",
    text: "are not carried: move them to bytea columns, or copy them by pg_dump and pg_restore",
    isMissed: true,
  },
  {
    subject: "foreign tables",
    query: "select pg_catalog.count(*)::text as n from pg_catalog.pg_foreign_table",
    text: "keep their definition; their rows are elsewhere and stay there",
    isMissed: false,
  },
  {
    subject: "unlogged tables",
    query:
      "select pg_catalog.count(*)::text as n from pg_catalog.pg_class where relkind = 'r' and relpersistence = 'u'",
    text: "stay unlogged: a crash of the target's server empties them",
    isMissed: false,
  },
  {
    subject: "subscriptions",
    query: `select pg_catalog.count(*)::text as n from pg_catalog.pg_stat_subscription s
      join pg_catalog.pg_database d on d.datname = pg_catalog.current_database() where s.pid is not null`,
    text: "are not carried: make them on the target when it takes over",
    isMissed: true,
  },
  {
    subject: "tablespaces",
    query: "select pg_catalog.count(*)::text as n from pg_catalog.pg_class where reltablespace <> 0 and oid >= 16384",
    text: "tables and indexes come to the target's usual tablespace",
    isMissed: false,
  },
];

export async function countOf(session: Session, { query }: Uncarried): Promise<number> {
  const [row] = await session.rows<{ n: string }>(query);
  return Number(row?.n ?? 0);
}

export async function uncarried(session: Session): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const kind of uncarriedKinds.filter(({ isMissed }) => isMissed)) {
    const count = await countOf(session, kind);
    if (count === 0) continue;
    const what = `${count} ${kind.subject} ${kind.text}`;
    const error = { code: "kind_unsupported", disposition: "rejected", what, hint: "All else is copied." } as const;
    // No schema is called so: it stands before all of them.
    const path = pathFromText(`(${kind.subject})`);
    problems.push({ path, isDirectory: false, sizeBytes: 0, outcome: "unsupported", error });
  }
  return problems;
}
