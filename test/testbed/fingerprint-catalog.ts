/**
 * What a fingerprint lists of the catalog, a query for each section: `name`, and `value` as text or jsonb. The setting
 * `fingerprint.without` has the schemas that are left out. What an extension brought is not listed, and no number that a server gave itself.
 */

const leftOut = `current_setting('fingerprint.without')::text[]`;
const leftOutQuoted = `array(select quote_ident(s) from unnest(${leftOut}) s)`;
export const userSchema = `n.nspname !~ '^(pg_.*|information_schema)$' and n.nspname <> all (${leftOut})`;

/** Neither a part of an extension nor what `initdb` made. */
function own(catalog: string, alias: string): string {
  return `${alias}.oid >= 16384 and not exists (
    select from pg_depend e where e.classid = '${catalog}'::regclass and e.objid = ${alias}.oid and e.deptype = 'e')`;
}

function nameIn(name: string): string {
  return `format('%I.%I', n.nspname, ${name})`;
}

/** Version 17 has added MAINTAIN, and ALL has it there. */
function exploded(acl: string): string {
  return `select grantor, grantee, privilege_type, is_grantable from aclexplode(${acl}) where privilege_type <> 'MAINTAIN'`;
}

/** What a rule refers to: columns, functions, types, but not its own table. */
const uses = `(
  select jsonb_agg(distinct i.identity) from pg_depend d, pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) i
  where d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refobjid <> r.ev_class
    and (d.refobjsubid > 0 or d.refclassid <> 'pg_class'::regclass))`;

/** `role: privileges` that an object has beyond the usual (+), and those it lacks (-). */
function beyondUsual(acl: string, kind: string, owner: string): string {
  const actual = exploded(`coalesce(${acl}, acldefault('${kind}', ${owner}))`);
  const usual = exploded(`acldefault('${kind}', ${owner})`);
  return `(
    select jsonb_agg(line order by line collate "C") from (
      select sign || case grantee when 0 then 'public' else pg_get_userbyid(grantee) end || ' by ' || pg_get_userbyid(grantor)
        || ': ' || string_agg(privilege_type || case when is_grantable then '*' else '' end, ' ' order by privilege_type) as line
      from (
        select '+' as sign, x.* from (${actual} except ${usual}) x
        union all
        select '-' as sign, x.* from (${usual} except ${actual}) x
      ) changed group by sign, grantee, grantor
    ) lines)`;
}

const grantSources = [
  `select 'relation ' || ${nameIn("c.relname")} as name,
     case when c.relkind = 'S' then ${beyondUsual("c.relacl", "s", "c.relowner")} else ${beyondUsual("c.relacl", "r", "c.relowner")} end as value
   from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and ${userSchema} and ${own("pg_class", "c")}`,
  `select 'column ' || ${nameIn("c.relname")} || '.' || quote_ident(a.attname), ${beyondUsual("a.attacl", "c", "c.relowner")}
   from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
   where a.attacl is not null and ${userSchema} and ${own("pg_class", "c")}`,
  `select 'function ' || p.oid::regprocedure::text, ${beyondUsual("p.proacl", "f", "p.proowner")}
   from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${userSchema} and ${own("pg_proc", "p")}`,
  `select 'type ' || ${nameIn("t.typname")}, ${beyondUsual("t.typacl", "T", "t.typowner")}
   from pg_type t join pg_namespace n on n.oid = t.typnamespace where ${userSchema} and ${own("pg_type", "t")}`,
  `select 'schema ' || quote_ident(n.nspname), ${beyondUsual("n.nspacl", "n", "n.nspowner")}
   from pg_namespace n where ${userSchema}`,
];

/** Kinds that are told by their names alone. */
const namedKinds = [
  "pg_operator",
  "pg_opclass",
  "pg_opfamily",
  "pg_cast",
  "pg_conversion",
  "pg_ts_dict",
  "pg_ts_parser",
  "pg_ts_template",
  "pg_transform",
  "pg_language",
  "pg_event_trigger",
  "pg_foreign_data_wrapper",
  "pg_foreign_server",
  "pg_am",
];

export type CatalogSection = keyof typeof catalogSections;

export const catalogSections = {
  schemas: `select quote_ident(n.nspname) as name, pg_get_userbyid(n.nspowner) as value from pg_namespace n where ${userSchema}`,

  extensions: `
    select extname as name, n.nspname as value from pg_extension x join pg_namespace n on n.oid = x.extnamespace`,

  relations: `
    select ${nameIn("c.relname")} as name, jsonb_strip_nulls(jsonb_build_object(
      'kind', c.relkind, 'persistence', c.relpersistence, 'owner', pg_get_userbyid(c.relowner),
      'options', (select jsonb_agg(o order by o collate "C") from unnest(c.reloptions || array(
        select 'toast.' || o from unnest(t.reloptions) o)) o),
      'replica_identity', nullif(c.relreplident, 'd'), 'row_security', nullif(c.relrowsecurity, false),
      'row_security_forced', nullif(c.relforcerowsecurity, false), 'populated', nullif(c.relispopulated, true),
      'of_type', nullif(c.reloftype, 0)::regtype::text, 'access_method', am.amname,
      'partition_key', pg_get_partkeydef(c.oid), 'partition_bound', pg_get_expr(c.relpartbound, c.oid),
      'inherits', (select jsonb_agg(i.inhparent::regclass::text order by i.inhseqno) from pg_inherits i where i.inhrelid = c.oid))) as value
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    left join pg_class t on t.oid = c.reltoastrelid left join pg_am am on am.oid = c.relam
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and ${userSchema} and ${own("pg_class", "c")}`,

  columns: `
    select ${nameIn("c.relname")} || '.' || quote_ident(a.attname) as name, jsonb_strip_nulls(jsonb_build_object(
      'position', rank() over (partition by c.oid order by a.attnum), 'type', format_type(a.atttypid, a.atttypmod),
      'collation', nullif(a.attcollation, t.typcollation)::regcollation::text, 'not_null', nullif(a.attnotnull, false),
      'default', pg_get_expr(d.adbin, d.adrelid), 'identity', nullif(a.attidentity, ''), 'generated', nullif(a.attgenerated, ''),
      'storage', nullif(a.attstorage, t.typstorage), 'compression', nullif(a.attcompression, ''),
      'statistics', nullif(a.attstattarget, -1), 'options', a.attoptions, 'local', nullif(a.attislocal, true),
      'inherited', nullif(a.attinhcount, 0))) as value
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_type t on t.oid = a.atttypid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped and c.relkind in ('r', 'p', 'v', 'm', 'f', 'c') and ${userSchema} and ${own("pg_class", "c")}`,

  indexes: `
    select ${nameIn("c.relname")} as name, jsonb_strip_nulls(jsonb_build_object(
      'definition', pg_get_indexdef(c.oid), 'clustered', nullif(i.indisclustered, false), 'valid', nullif(i.indisvalid, true),
      'replica_identity', nullif(i.indisreplident, false), 'part_of', h.inhparent::regclass::text)) as value
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_inherits h on h.inhrelid = c.oid where ${userSchema} and ${own("pg_class", "c")}`,

  // From 18 on NOT NULL is one, too: it stands with its column. A key's parts on partitions have names of their own.
  constraints: `
    select ${nameIn("c.relname")} || ': ' || quote_ident(k.conname) as name, jsonb_strip_nulls(jsonb_build_object(
      'definition', pg_get_constraintdef(k.oid), 'local', nullif(k.conislocal, true), 'inherited', nullif(k.coninhcount, 0),
      'index', nullif(k.conindid, 0)::regclass::text)) as value
    from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
    where k.contype in ('c', 'f', 'p', 'u', 'x') and not (k.contype = 'f' and k.conparentid <> 0)
      and ${userSchema} and ${own("pg_class", "c")}`,

  triggers: `
    select ${nameIn("c.relname")} || ': ' || quote_ident(g.tgname) as name, format('%s %s', g.tgenabled, pg_get_triggerdef(g.oid)) as value
    from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace
    where not g.tgisinternal and ${userSchema} and ${own("pg_class", "c")}`,

  policies: `
    select format('%I.%I: %I', n.schemaname, tablename, policyname) as name,
      to_jsonb(n) - 'schemaname' - 'tablename' - 'policyname' as value
    from pg_policies n where ${userSchema.replaceAll("n.nspname", "n.schemaname")}`,

  views: `
    select ${nameIn("c.relname")} as name, jsonb_build_object('definition', pg_get_viewdef(c.oid, true), 'uses', ${uses}) as value
    from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    where r.rulename = '_RETURN' and ${userSchema} and ${own("pg_class", "c")}`,

  rules: `
    select ${nameIn("c.relname")} || ': ' || quote_ident(r.rulename) as name, jsonb_build_object(
      'enabled', r.ev_enabled, 'definition', pg_get_ruledef(r.oid, true), 'uses', ${uses}) as value
    from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace
    where r.rulename <> '_RETURN' and ${userSchema} and ${own("pg_class", "c")}`,

  sequences: `
    select ${nameIn("c.relname")} as name, jsonb_strip_nulls(jsonb_build_object(
      'type', s.seqtypid::regtype::text, 'start', s.seqstart::text, 'increment', s.seqincrement::text, 'min', s.seqmin::text,
      'max', s.seqmax::text, 'cache', s.seqcache::text, 'cycle', s.seqcycle, 'persistence', c.relpersistence,
      'owner', pg_get_userbyid(c.relowner), 'owned_by', (
        select format('%s %s.%I', d.deptype, d.refobjid::regclass, a.attname) from pg_depend d
        join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
        where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')))) as value
    from pg_sequence s join pg_class c on c.oid = s.seqrelid join pg_namespace n on n.oid = c.relnamespace
    where ${userSchema} and ${own("pg_class", "c")}`,

  types: `
    select ${nameIn("t.typname")} as name, jsonb_strip_nulls(jsonb_build_object(
      'kind', t.typtype, 'owner', pg_get_userbyid(t.typowner),
      'labels', (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
      'base', case when t.typtype = 'd' then format_type(t.typbasetype, t.typtypmod) end, 'default', t.typdefault,
      'not_null', nullif(t.typnotnull, false), 'collation', nullif(t.typcollation, 0)::regcollation::text,
      'checks', (select jsonb_object_agg(k.conname, pg_get_constraintdef(k.oid)) from pg_constraint k
        where k.contypid = t.oid and k.contype = 'c'),
      'range', (select concat_ws(' ', r.rngsubtype::regtype, r.rngmultitypid::regtype, nullif(r.rngcollation, 0)::regcollation,
        nullif(r.rngsubdiff, 0)::regproc, nullif(r.rngcanonical, 0)::regproc) from pg_range r where r.rngtypid = t.oid))) as value
    from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
    where (t.typtype in ('e', 'd', 'r', 'm') or t.typtype = 'b' and t.typcategory <> 'A' or t.typtype = 'c' and c.relkind = 'c')
      and ${userSchema} and ${own("pg_type", "t")}`,

  functions: `
    select p.oid::regprocedure::text as name, jsonb_build_object('owner', pg_get_userbyid(p.proowner), 'definition',
      case when p.prokind = 'a' then (select concat_ws(' ', 'aggregate', a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn,
        a.aggtranstype::regtype, a.agginitval, p.proparallel) from pg_aggregate a where a.aggfnoid = p.oid)
      else pg_get_functiondef(p.oid) end) as value
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${userSchema} and ${own("pg_proc", "p")}`,

  statistics: `
    select ${nameIn("s.stxname")} as name, jsonb_strip_nulls(jsonb_build_object('definition', pg_get_statisticsobjdef(s.oid),
      'target', nullif(s.stxstattarget, -1), 'owner', pg_get_userbyid(s.stxowner))) as value
    from pg_statistic_ext s join pg_namespace n on n.oid = s.stxnamespace where ${userSchema} and ${own("pg_statistic_ext", "s")}`,

  collations: `
    select ${nameIn("c.collname")} as name, jsonb_strip_nulls(jsonb_build_object('provider', c.collprovider,
      'deterministic', c.collisdeterministic, 'collate', c.collcollate, 'ctype', c.collctype,
      'locale', coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale'))) as value
    from pg_collation c join pg_namespace n on n.oid = c.collnamespace where ${userSchema} and ${own("pg_collation", "c")}`,

  textSearch: `
    select ${nameIn("c.cfgname")} as name, jsonb_object_agg(m.maptokentype || '/' || m.mapseqno, m.mapdict::regdictionary::text) as value
    from pg_ts_config c join pg_namespace n on n.oid = c.cfgnamespace left join pg_ts_config_map m on m.mapcfg = c.oid
    where ${userSchema} and ${own("pg_ts_config", "c")} group by 1`,

  publications: `
    select quote_ident(p.pubname) as name, jsonb_build_object('all', p.puballtables, 'root', p.pubviaroot,
      'what', concat_ws(' ', p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate),
      'tables', (select jsonb_agg(concat_ws(' ', format('%I.%I', t.schemaname, t.tablename), t.attnames, t.rowfilter)
        order by t.schemaname, t.tablename) from pg_publication_tables t where t.pubname = p.pubname)) as value
    from pg_publication p`,

  others: namedKinds
    .map(
      (catalog) => `
    select i.type || ' ' || i.identity as name, null as value
    from ${catalog} o, pg_identify_object('${catalog}'::regclass, o.oid, 0) i
    where (i.schema is null or i.schema <> all (${leftOutQuoted})) and ${own(catalog, "o")}`,
    )
    .join(" union all "),

  comments: `
    select i.type || ' ' || i.identity as name, d.description as value
    from pg_description d, pg_identify_object(d.classoid, d.objoid, d.objsubid) i,
      pg_identify_object_as_address(d.classoid, d.objoid, d.objsubid) a
    where (d.objoid >= 16384 or d.classoid = 'pg_namespace'::regclass and i.identity = 'public')
      and (i.schema is null or i.schema <> all (${leftOutQuoted})) and a.object_names[1] <> all (${leftOut})
      and not exists (select from pg_depend e where e.classid = d.classoid and e.objid = d.objoid and e.deptype = 'e')`,

  grants: `select name, value from (${grantSources.join(" union all ")}) g where value is not null`,

  defaultPrivileges: `
    select concat_ws(' ', pg_get_userbyid(d.defaclrole), d.defaclobjtype, quote_ident(n.nspname)) as name, (
      select jsonb_agg(line order by line) from (
        select concat(case grantee when 0 then 'public' else pg_get_userbyid(grantee) end, ': ', privilege_type, ' ', is_grantable) as line
        from aclexplode(d.defaclacl) where privilege_type <> 'MAINTAIN') x) as value
    from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace where n.oid is null or ${userSchema}`,

  largeObjects: `select 'count' as name, count(*)::text as value from pg_largeobject_metadata`,
} as const;
