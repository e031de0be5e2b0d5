/** What the catalog says of tables: their columns, the key by which their rows are in order, and their shape as a version. */
import { createHash } from "node:crypto";
import { must } from "../../base/assert.ts";
import type { Session } from "./session.ts";
import type { TableName } from "./names.ts";

export interface Column {
  readonly name: string;
  /** With its modifiers, qualified: `numeric(10,2)`, `public.mood`. */
  readonly type: string;
  /** Computed by the server: never sent. */
  readonly isGenerated: boolean;
  /** Its binary form means the same on every server. */
  readonly isPortable: boolean;
  /** Where it is not that of the type. */
  readonly collation: string | null;
  /** Its order depends on a collation that is not that of bytes. */
  readonly isCollated: boolean;
}

export interface KeyColumn {
  readonly name: string;
  readonly type: string;
  /** Its order depends on a collation that is not that of bytes. */
  readonly isCollated: boolean;
}

export interface Table extends TableName {
  readonly bytes: number;
  readonly columns: readonly Column[];
  /** Null: nothing says which row is which. */
  readonly key: readonly KeyColumn[] | null;
  /** Another one: the columns, the key or the file of the table are others. */
  readonly fingerprint: string;
}

/** What Godwit keeps on a target. */
export const ownSchema = "godwit";

interface Row {
  readonly schema: string;
  readonly name: string;
  readonly bytes: number;
  readonly filenode: string | null;
  readonly columns: string;
  readonly key: string | null;
}

/**
 * Types whose binary values name things by their number on this server, or that some version gives in binary form and
 * does not take (measured from 15 to 18: an empty `tsquery`, `int2vector`, `oidvector`).
 */
const textOnly = "^_?(reg.*|aclitem|pg_node_tree|tsquery|int2vector|oidvector)$";

/** Of attribute `a` and its collation `l`, or null. */
const isCollated = `case when a.attcollation = 0 then false
        when l.collprovider = 'd' then (select d.datcollate not in ('C', 'POSIX') or d.datlocprovider <> 'c'
          from pg_catalog.pg_database d where d.datname = pg_catalog.current_database())
        else l.collcollate is null or l.collcollate not in ('C', 'POSIX') end`;

/**
 * Tables with rows of their own, which no extension owns. A unique index is a key when it is about all rows, its columns
 * are never null, and their types have one order everywhere.
 */
const tablesQuery = `
select n.nspname as schema, c.relname as name, pg_catalog.pg_table_size(c.oid) as bytes,
  pg_catalog.pg_relation_filenode(c.oid)::text as filenode,
  (select coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'isGenerated', a.attgenerated <> '',
      'isPortable', case t.typtype
        when 'e' then true
        when 'b' then t.oid < 16384 and t.typsend <> 0 and t.typname !~ '${textOnly}'
        when 'd' then b.typtype = 'b' and b.oid < 16384 and b.typsend <> 0 and b.typname !~ '${textOnly}'
        when 'r' then t.oid < 16384
        when 'm' then t.oid < 16384
        else false end,
      'collation', case when a.attcollation <> t.typcollation then
        (select pg_catalog.quote_ident(ln.nspname) || '.' || pg_catalog.quote_ident(l.collname)
          from pg_catalog.pg_namespace ln where ln.oid = l.collnamespace) end,
      'isCollated', ${isCollated}) order by a.attnum), '[]')::text
    from pg_catalog.pg_attribute a
    join pg_catalog.pg_type t on t.oid = a.atttypid
    left join pg_catalog.pg_type b on b.oid = t.typbasetype
    left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
  (select pg_catalog.json_agg(pg_catalog.json_build_object(
      'name', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod),
      'isCollated', ${isCollated}) order by k.at)::text
    from pg_catalog.pg_index i
    cross join lateral pg_catalog.unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality as k(attnum, at)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
    left join pg_catalog.pg_collation l on l.oid = a.attcollation
    where i.indexrelid = (
      select u.indexrelid from pg_catalog.pg_index u
      join pg_catalog.pg_class x on x.oid = u.indexrelid
      join pg_catalog.pg_am m on m.oid = x.relam and m.amname = 'btree'
      where u.indrelid = c.oid and u.indisunique and u.indisvalid and u.indpred is null and u.indexprs is null
        and not exists (
          select from pg_catalog.unnest(u.indkey[0:u.indnkeyatts - 1]) as e(attnum)
          join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = e.attnum
          join pg_catalog.pg_type t on t.oid = a.atttypid
          left join pg_catalog.pg_type b on b.oid = t.typbasetype
          where not a.attnotnull or not (
            t.typtype = 'e' or coalesce(b.oid, t.oid) < 16384
              and (coalesce(b.typcategory, t.typcategory) in ('N', 'D', 'S', 'B', 'I', 'V', 'T')
                or coalesce(b.typname, t.typname) in ('uuid', 'bytea'))
              and coalesce(b.typname, t.typname) !~ '${textOnly}'))
      order by u.indisprimary desc, u.indnkeyatts, u.indexrelid limit 1)) as key
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and n.nspname <> '${ownSchema}'
  and not exists (select from pg_catalog.pg_depend d
    where d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and d.objid = c.oid and d.deptype = 'e')`;

export async function tables(session: Session): Promise<readonly Table[]> {
  return (await session.rows<Row & Record<string, unknown>>(tablesQuery)).map(tableFrom);
}

/** @returns null when it is not there */
export async function table(session: Session, { schema, name }: TableName): Promise<Table | null> {
  const query = `${tablesQuery} and n.nspname = $1 and c.relname = $2`;
  const [row] = await session.rows<Row & Record<string, unknown>>(query, [schema, name]);
  return row === undefined ? null : tableFrom(row);
}

function tableFrom({ schema, name, bytes, filenode, columns, key }: Row): Table {
  const fingerprint = createHash("sha256")
    .update(JSON.stringify([filenode, columns, key]))
    .digest("hex")
    .slice(0, 32);
  return {
    schema,
    name,
    bytes,
    columns: JSON.parse(columns) as Column[],
    key: key === null ? null : (JSON.parse(key) as KeyColumn[]),
    fingerprint,
  };
}

export function namesOf(columns: readonly Column[]): readonly string[] {
  return columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name);
}

export async function schemas(session: Session): Promise<readonly string[]> {
  const rows = await session.rows<{ name: string }>(
    `select nspname as name from pg_catalog.pg_namespace where nspname !~ '^pg_' and nspname not in ('information_schema', '${ownSchema}')`,
  );
  return rows.map(({ name }) => must(name, "a schema has a name"));
}
