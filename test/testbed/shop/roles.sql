-- Roles belong to the server, not to the database: whoever copies the shop to another server makes them there first.
do $$
declare
  wanted text;
begin
  foreach wanted in array array['shop_owner', 'shop_app', 'shop_reader', 'Shop "Leitung" für Ärzte'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      execute format('create role %I', wanted);
    end if;
  end loop;
end
$$;
