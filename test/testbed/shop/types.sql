-- Schemas, extensions, types and the functions that tables need.
create schema extensions;
create schema warehouse authorization shop_owner;
create schema audit;
create schema "Archiv ""2019"" / é";

create extension btree_gist;
create extension citext;
create extension hstore with schema extensions;
create extension pg_trgm with schema extensions;
create extension pgcrypto with schema extensions;

create collation plain (provider = libc, locale = 'C');
create text search configuration shop_words (copy = pg_catalog.simple);

create type order_status as enum ('new', 'paid', 'packed', 'shipped', 'it''s back', 'größer');
alter type order_status add value 'on hold' before 'packed';
create type "Payment Method" as enum ('card', 'bank transfer', 'invoice', '');
create type address as (street text, city text, zip varchar(10), spot point, at numeric(9, 6)[]);
create type contact as (home address, phones text[], method "Payment Method");
create type price_point as (sku text, cents bigint, known_since timestamptz);
create type price_range as range (subtype = numeric, multirange_type_name = price_ranges);

create domain email as citext check (value ~ '^[^@\s]+@[^@\s]+$');
create domain price as numeric(12, 2) default 0.01 constraint "is positive" check (value > 0);
create domain net_price as price constraint "not too high" check (value < 1000000) not null;
create domain short_list as text[] check (cardinality(value) <= 8);

create sequence order_ids start 1000 increment 7 cache 5;
create sequence order_numbers as integer minvalue 10 maxvalue 2000000000 start 10;
create sequence countdown as smallint increment -3 minvalue -20 maxvalue 20 start 20 cycle;
create sequence never_called start 77;
create sequence set_back start 5;
create sequence warehouse."Laufende Nummer" increment 2;

create function slug(text) returns text
  language sql immutable strict parallel safe
  return trim(both '-' from regexp_replace(lower($1), '[^a-z0-9]+', '-', 'g'));

create function price_with_tax(net numeric, percent numeric default 19) returns numeric
  language plpgsql immutable as $body$
begin
  -- A body's text stays as it is: 'quotes', \backslashes, $1 and é.
  return round(net * (100 + percent) / 100, 2);
end
$body$;

create function order_number() returns text
  language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $body$
begin
  return 'B-' || lpad(nextval('public.order_numbers')::text, 8, '0');
end
$body$;

create function words_of(document jsonb) returns text
  language sql immutable strict
  begin atomic
    select string_agg(value, ' ' order by key) from jsonb_each_text(document);
  end;

create function larger(numeric, numeric) returns numeric
  language sql immutable as 'select greatest($1, $2)';

create aggregate largest(numeric) (sfunc = larger, stype = numeric, initcond = '0');

create function same_ignoring_case(text, text) returns boolean
  language sql immutable as 'select lower($1) = lower($2)';
create operator ~=~ (leftarg = text, rightarg = text, function = same_ignoring_case, commutator = ~=~);

create function address_line(address) returns text
  language sql immutable as $$ select concat_ws(', ', ($1).street, ($1).zip, ($1).city) $$;
create cast (address as text) with function address_line(address);
