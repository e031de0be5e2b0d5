-- What stands around the tables: indexes, triggers, policies, views, rules, statistics.
create index products_name_trgm on products using gin (name extensions.gin_trgm_ops);
create index products_attributes on products using gin (attributes jsonb_path_ops);
create index products_search on products using gin (search) with (fastupdate = off);
create index products_slug on products (slug(sku), lower(name) collate plain desc nulls last);
create unique index products_active on products (sku text_pattern_ops) include (name, net) where revision >= 0;
create index products_by_words on products using hash (words_of(attributes));
create index customers_name on customers ("Full Name" varchar_pattern_ops, born nulls first);
create index customers_preferences on customers using gist (preferences);
create unique index customers_email_lower on customers (lower(email::text));
create index events_at on events using brin (at) with (pages_per_range = 16);
create index orders_customer on orders (customer_id) where customer_id is not null;
create index orders_status on only orders_2024 (status);
create index on orders_2024_eu (status);
create index "Index mit ""Namen"" é" on warehouse.movements (place, moved_at desc);
create unique index payments_identity on payments (id, order_id);
create index reviews_rating on reviews (rating) with (deduplicate_items = off);
alter table reviews cluster on reviews_rating;
alter table payments replica identity using index payments_identity;
alter table warehouse.movements replica identity full;
alter table audit.log replica identity nothing;

create statistics orders_place (ndistinct, dependencies) on region, status from orders_2024_eu;
create statistics "Dinge, die zusammengehören" on (lower(name)), (net * 2), supplier_id from products;
alter statistics orders_place set statistics 250;

create function touch_revision() returns trigger language plpgsql as $$
begin
  new.revision := coalesce(new.revision, 0) + 1;
  return new;
end
$$;
-- Fired by a load it would count on.
create trigger products_revision before insert or update on products for each row execute function touch_revision();

create function write_log() returns trigger language plpgsql as $$
begin
  insert into audit.log (about, what, row_after) values (tg_relid, tg_op || ' ' || tg_argv[0], to_jsonb(new));
  return null;
end
$$;
-- Fired by a load it would write the log twice.
create trigger orders_log after insert or update of status on orders
  for each row when (new.total > 500) execute function write_log('it''s \ é');

create function count_words() returns trigger language plpgsql as $$
begin
  new.words := coalesce(new.words, 0) + cardinality(regexp_split_to_array(coalesce(new.body, ''), '\s+'));
  return new;
end
$$;
create trigger reviews_words before insert on reviews for each row execute function count_words();
-- It fires for a replica, too.
alter table reviews enable always trigger reviews_words;

create function check_payment() returns trigger language plpgsql as $$
begin
  if new.amount < 0 and new.method <> 'invoice' then
    raise exception 'payment % is negative', new.id;
  end if;
  return null;
end
$$;
create constraint trigger payments_positive after insert or update on payments
  deferrable initially deferred for each row execute function check_payment();
create trigger payments_replica before delete on payments for each row execute function touch_revision();
alter table payments enable replica trigger payments_replica;
create trigger payments_off before truncate on payments for each statement execute function write_log('off');
alter table payments disable trigger payments_off;

create function count_movements() returns trigger language plpgsql as $$
begin
  update settings set opened = opened where (select count(*) from added) < 0;
  return null;
end
$$;
create trigger movements_count after insert on warehouse.movements
  referencing new table as added for each statement execute function count_movements();

alter table payment_cards enable row level security;
alter table payment_cards force row level security;
create policy "own cards" on payment_cards for select to shop_app, "Shop ""Leitung"" für Ärzte"
  using (customer_id = current_setting('shop.customer', true)::bigint);
create policy "never the first" on payment_cards as restrictive to shop_app
  using (customer_id <> 1) with check (octet_length(token) > 4);
alter table reviews enable row level security;
create policy reviews_readable on reviews for select using (true);
create policy reviews_writable on reviews for insert with check (exists (select from customers c where c.id = customer_id));
-- A policy that waits for the switch.
create policy later on coupons for delete to public using (percent is null);

create view active_products as
  select p.id, p.sku, p.name, p.gross, s.name as supplier, s.country
  from products p left join suppliers s on s.id = p.supplier_id where p.revision > 0;
create view german_products with (security_barrier = true) as
  select * from active_products where country = 'de' or supplier like '% "GmbH"' with cascaded check option;
create view product_sales with (security_invoker = true) as
  select p.id, p.name, p.gross, sum(l.amount) as sold, largest(l.net) as dearest
  from products p join order_lines l on l.product_id = p.id
  group by p.id;
create recursive view category_tree (id, name, depth) as
  select id, name, 1 from categories where parent_id is null
  union all
  select c.id, c.name, t.depth + 1 from categories c join category_tree t on c.parent_id = t.id;
create view warehouse."Bestand je Ort" as
  select place, sum(amount) as "Summe", array_agg(product_id order by product_id) as products
  from warehouse.stock group by place having count(*) > 0;
create view customers_public as select id, "Full Name", tags from customers;
alter view customers_public alter column "Full Name" set default 'Nobody';

create function insert_customer() returns trigger language plpgsql as $$
begin
  raise exception 'customers are made elsewhere';
end
$$;
create trigger customers_public_insert instead of insert on customers_public
  for each row execute function insert_customer();

create materialized view sales_by_month as
  select date_trunc('month', ordered_on)::date as month, region, count(*) as orders, sum(total) as total
  from orders group by 1, 2;
create unique index sales_by_month_key on sales_by_month (month, region);
create materialized view best_months with (fillfactor = 70) as
  select month, sum(total) as total from sales_by_month group by month order by 2 desc limit 3;
create materialized view not_filled as select * from countries with no data;

create rule coupons_archive as on delete to coupons where old.percent > 90
  do also insert into imported (raw) values (old.code || ' was deleted');
create rule german_products_update as on update to german_products do instead nothing;

create procedure close_cart(cart uuid) language plpgsql as $$
begin
  delete from carts where id = cart;
end
$$;
create function cheapest(variadic numeric[]) returns numeric language sql as 'select min(n) from unnest($1) n';
create function products_of(integer) returns setof products language sql stable rows 10 cost 50
  as 'select p.* from products p join product_categories c on c.product_id = p.id where c.category_id = $1';

create publication shop_changes for table orders, payments (id, order_id) where (id > 0);
