-- Made by a seed (shop.seed) and a number of orders (shop.rows): the same twice gives the same bytes.
create function pg_temp.pick(salt text, i bigint, below bigint) returns bigint language sql immutable as
  $$ select (('x' || substr(md5(current_setting('shop.seed') || salt || i), 1, 15))::bit(60)::bigint) % below $$;
create function pg_temp.some(salt text, i bigint, words text[]) returns text language sql immutable as
  $$ select words[1 + pg_temp.pick(salt, i, cardinality(words))] $$;
create function pg_temp.orders() returns bigint language sql stable as $$ select current_setting('shop.rows')::bigint $$;
set time zone 'UTC';

insert into countries values
  ('de', 'Deutschland', 'EUR', '+49'), ('fr', 'France', 'EUR', '+33'), ('at', 'Österreich', 'EUR', null),
  ('us', 'United States', 'USD', '+1'), ('jp', '日本', 'JPY', ''), ('x ', 'one letter', '   ', ' ');

insert into departments (name) values ('Leitung'), ('Lager'), ('Versand'), ('');
insert into employees (name, department_id, manager_id)
  select 'Person ' || i, 1 + pg_temp.pick('dept', i, 4), nullif(i / 2, 0) from generate_series(1, 20) i;
update departments set head_id = id * 3 where id < 4;

insert into suppliers (id, name, country, contact, terms, active)
  select md5(current_setting('shop.seed') || 'supplier' || i)::uuid,
    pg_temp.some('supplier', i, array['Müller & Söhne', 'Acme "GmbH"', 'O''Neil', 'back\slash', E'tab\there', '日本商事']) || ' ' || i,
    pg_temp.some('country', i, '{de,fr,us,jp,NULL}'),
    row(row('Weg ' || i, pg_temp.some('city', i, '{Köln,"",NULL,Paris}'), lpad(i::text, 5, '0'), point(i, -i), array[i / 3.0, null]),
      case when i % 3 = 0 then '{}' when i % 3 = 1 then array['+49 ' || i, null] end,
      pg_temp.some('method', i, '{card,bank transfer,invoice,""}')::"Payment Method")::contact,
    jsonb_build_object('days', i, 'note', case when i % 2 = 0 then 'é "x" \ / ' end, 'rate', i / 7.0), i % 4 <> 0
  from generate_series(1, greatest(pg_temp.orders() / 50, 5)) i;

insert into categories (id, parent_id, name, path)
  select i, case when i > 3 then i / 3 end, 'Category ' || i, array['c' || i / 9, 'c' || i / 3, 'c' || i]
  from generate_series(40, 1, -1) i;
select setval('categories_id_seq', 40);

insert into products (sku, name, net, sizes, tags, attributes, supplier_id, available, bands, embedded, weight)
  select 'SKU-' || lpad(i::text, 6, '0'),
    pg_temp.some('what', i, array['Hose', 'Größe', 'Chair', 'Tisch, rund', 'It''s a "lamp"', 'Ünique', 'ß']) || ' ' || pg_temp.pick('name', i, 1000),
    0.01 + pg_temp.pick('net', i, 99999999) / 100.0,
    case i % 4 when 0 then '{}' when 1 then array[1.5, null, 'NaN'] when 2 then '[0:1]={2,3.25}' else array[i % 1000] end,
    case when i % 3 = 0 then array['new', '', 'with "quotes"', 'comma, too'] when i % 3 = 1 then array['é'] end,
    jsonb_build_object('colour', pg_temp.some('colour', i, '{red,grün,NULL,""}'), 'deep', jsonb_build_array(i, null, true, '{}'::jsonb)),
    (select id from suppliers order by id offset pg_temp.pick('by', i, 5) limit 1),
    case i % 5 when 0 then 'empty' when 1 then daterange(null, '2025-06-01') when 2 then daterange('-infinity', 'infinity')
      else daterange('2024-01-01', date '2024-01-02' + i::integer % 300) end,
    case when i % 2 = 0 then price_ranges(price_range(1, i + 1), price_range(i + 5, null, '()')) end,
    case when i % 7 = 0 then xmlparse(content '<a b="é">' || i || '</a> tail') end,
    case i % 6 when 0 then 'NaN' when 1 then '-0' when 2 then '-Infinity' when 3 then 5e-324 else i / 3.0 end::double precision
  from generate_series(1, greatest(pg_temp.orders() / 10, 20)) i;

insert into product_categories
  select 100 + 3 * (i / 2), 1 + (i * 7) % 40, case when i % 3 > 0 then i % 100 end
  from generate_series(0, 2 * (select count(*) from products) - 1) i on conflict do nothing;
insert into product_images (product_id, position, bytes)
  select p.id, n, (select string_agg(sha256((p.id || '/' || n || '/' || k)::bytea), '' order by k)
    from generate_series(1, 1 + pg_temp.pick('image', p.id, 150)) k)
  from products p, generate_series(1, 1 + p.id % 2) n where p.id % 4 = 0;
insert into product_prices
  select p.id, tstzrange(timestamptz '2024-01-01' + n * interval '90 days', case when n < 3 then timestamptz '2024-01-01' + (n + 1) * interval '90 days' end), p.net + n
  from products p, generate_series(0, 3) n where p.id % 2 = 0;
insert into related_products
  select a.id, b.id, case when a.id % 5 = 0 then 'Infinity' else (a.id % 7) / 7.0 end
  from products a join products b on b.id between a.id + 3 and a.id + 6;
insert into price_points select 'SKU-' || i, i * 100000000000, timestamptz '0044-03-15 12:00:00 BC' + i * interval '1 year' from generate_series(1, 30) i;

insert into coupons
  select pg_temp.some('code', i, '{Save,SAVE-é,"two words"}') || i, daterange(date '2024-01-01' + i::integer, date '2025-01-01' + i::integer),
    case when i % 2 = 0 then int4multirange(int4range(8, 12), int4range(14, 18 + i::integer)) when i % 3 = 0 then '{}' end,
    i % 101, case when i % 4 > 0 then i end, i::integer::bit(8), repeat('10', (i % 9)::integer)::bit varying
  from generate_series(1, 60) i;

insert into customers (email, "Full Name", lives_at, contact, preferences, tags, born, referred_by, favourite_product_id, balance, last_seen)
  select 'Person.' || i || '@Example.org', pg_temp.some('name', i, '{Ægir,"de la Cruz",O''Hara,李,Ida}') || ' ' || i,
    case when i % 5 > 0 then row('Weg "' || i || '"', 'Köln, (Mitte)', '', null, '{}')::address end,
    case when i % 6 = 0 then row(null, null, null)::contact end,
    case i % 4 when 0 then null when 1 then '' else extensions.hstore(array['lang', 'note "x"'], array[case when i % 8 < 4 then 'de' end, 'a=>b, \']) end,
    case when i % 3 = 0 then array['VIP', 'vip', null]::citext[] end,
    case when i % 97 = 0 then 'infinity' when i % 89 = 0 then date '0001-01-01 BC' else date '1950-01-01' + (i % 20000)::integer end,
    case when i > 5 then i / 3 end, 100 + 3 * pg_temp.pick('likes', i, 20), (pg_temp.pick('balance', i, 2000000) - 1000000)::numeric / 100,
    case i % 3 when 0 then null when 1 then inet '10.0.0.0/8' + i else inet '2001:db8::' + i end
  from generate_series(1, greatest(pg_temp.orders() / 4, 30)) i;
insert into carts
  select md5('cart' || id)::uuid, id, timestamptz '2025-01-01' + id * interval '1 hour 0.000001 second',
    case id % 3 when 0 then interval '1 year -2 months 3 days -04:05:06.789' when 1 then interval '0' end
  from customers where id % 2 = 0;
update customers set default_cart = md5('cart' || id)::uuid where id % 4 = 0;
insert into cart_items select c.id, 100 + 3 * pg_temp.pick('in', c.customer_id + n * 7919, 20), n + 0.50
  from carts c, generate_series(1, 3) n on conflict do nothing;

insert into orders (ordered_on, region, customer_id, status, ship_to, coupon, total, note, placed_at)
  select date '2023-10-01' + (pg_temp.pick('day', i, 700))::integer, pg_temp.some('region', i, '{de,fr,at,us,jp,""}'),
    nullif(pg_temp.pick('who', i, 30), 0), pg_temp.some('status', i, '{new,paid,packed,shipped,it''s back,größer,on hold}')::order_status,
    case when i % 3 = 0 then row('Weg ' || i, 'Paris', null, point(0, i), null)::address end,
    (select code from coupons order by code offset pg_temp.pick('coupon', i, 240) limit 1), pg_temp.pick('total', i, 100000) / 100.0,
    pg_temp.some('note', i, array[null, '', 'please ring', E'two\nlines', E'tab\tand \\N and \\.', '\.', 'ende ', E'\r', '"', 'null', '👍🏽']),
    timestamp '2023-10-01' + i * interval '7 minutes 0.5 seconds'
  from generate_series(1, pg_temp.orders()) i;
insert into order_lines
  select o.id, o.ordered_on, o.region, n, 100 + 3 * pg_temp.pick('product', o.id * 4 + n, 20), n * 1.125, 0.05 + pg_temp.pick('line', o.id + n, 50000) / 100.0
  from orders o, generate_series(1, 4) n where pg_temp.pick('lines', o.id, 4) >= n - 1;
insert into payments (order_id, ordered_on, region, method, amount, paid_at)
  select id, ordered_on, region, pg_temp.some('pays', id, '{card,bank transfer,invoice,""}')::"Payment Method", total,
    case when id % 5 > 0 then timestamptz '2024-01-01 00:00+05:30' + id * interval '1 minute' end
  from orders where id % 3 > 0 order by id;
insert into payment_cards select id, extensions.digest('card' || id, 'sha1'), '{4,2," ",NULL}' from customers where id % 3 = 0;
insert into shipments (order_id, weight, sent_on) select id, 0.1 + id % 50, ordered_on + 1 from orders where id % 4 = 0 order by id;
insert into shipments_express (id, order_id, weight, sent_on, value, insurer)
  select 100000 + id, id, 2000 + id % 50, ordered_on, 'NaN', case when id % 2 = 0 then '' end from orders where id % 28 = 6 order by id;
insert into insured values ('Infinity', 'Allianz'), (1e40, null), (0.000, '');
insert into reviews (product_id, customer_id, rating, body)
  select p.id, c.id, 1 + (p.id + c.id) % 5, pg_temp.some('body', p.id * 31 + c.id, array[null, '', 'very good', 'nicht so gut, leider', repeat('lang ', 700)])
  from products p join customers c on (p.id + c.id) % 13 = 0 and c.id <= 30 and p.id <= 400;

insert into warehouse.places values
  ('B', point(1.5, -0), '08:00+02', '((0,0),(1,1),(1,0))'), ('a', null, '24:00:00-05:30', null), ('ä', point('NaN', 'Infinity'), null, '((0,0))'), ('', null, null, null);
insert into warehouse.stock select w.id, p.id, pg_temp.pick(w.id, p.id, 500) from warehouse.places w, products p where pg_temp.pick(w.id || 's', p.id, 3) > 0;
insert into warehouse.movements select place, product_id, amount, timestamptz '2024-05-01' + product_id * interval '1 day' from warehouse.stock;
insert into warehouse.movements select place, product_id, amount, null from warehouse.stock where product_id < 130;
insert into warehouse.movements select 'B', null, 1, null from generate_series(1, 10);
insert into audit.sessions select md5('session' || i)::uuid, timestamptz '2024-01-01' + i * interval '1 s', 'agent ' || i from generate_series(1, 40) i;
insert into events
  select pg_temp.some('kind', i, '{click,Größe,view,""}'), timestamptz '2024-11-01' + i * interval '9 hours',
    case when i % 5 > 0 then ('{"b" : 1,  "a":' || i || ', "b": "twice"}')::json end, case when i % 2 = 0 then '08:00:2b:01:02:03'::macaddr end
  from generate_series(1, pg_temp.orders()) i;
insert into settings values (true, 'Godwit''s', '2019-02-28');
insert into "Archiv ""2019"" / é"."Größe & ""Maß"" der 'Dinge'"
  select 'Schlüssel ' || i, nullif(i, 3), case i % 3 when 0 then E'a\tb' when 1 then '' end, i % 2 = 0 from generate_series(1, 12) i;
insert into nothing default values;
insert into nothing default values;
insert into nothing default values;
insert into grown select i, 'old ' || i, case when i % 2 = 0 then 'kept' end from generate_series(1, 25) i;
alter table grown drop column old;
alter table grown add column later timestamptz not null default '2024-02-29 12:00:00+00';
alter table grown add column list integer[] default '{1,2}';
insert into grown values (100, 'last', '2025-01-01', null);
insert into "order" values (1, 'me'), (2, null);
insert into imported select i - 10, case when i % 10 = 0 then -i else i end, 'raw ' || i from generate_series(1, 50) i;
-- They hold for what comes, not for what is there.
alter table imported add constraint imported_positive check (amount > 0) not valid;
alter table imported add constraint imported_customer foreign key (customer_id) references customers not valid;
insert into coupons select 'gone', daterange('2020-01-01', '2020-02-01'), null, 95;
delete from coupons where code = 'GONE';

select nextval('countdown') from generate_series(1, 9);
select setval('set_back', 5, false), setval('warehouse."Laufende Nummer"', 9007199254740993);
refresh materialized view sales_by_month;
refresh materialized view best_months;
drop function pg_temp.pick, pg_temp.some, pg_temp.orders;
analyze;
