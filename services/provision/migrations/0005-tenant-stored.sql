-- How much is stored for each tenant, exactly: triggers count in the transaction that stores or deletes, whatever the service and its version.
-- A shard for each connection, modulo 16: so statements do not wait for each other's row.
create table tenant_stored (
  tenant text collate "C" not null,
  shard smallint not null,
  notifications bigint not null,
  bytes bigint not null,
  -- Stored or deleted: it only grows.
  changes bigint not null,
  primary key (tenant, shard)
) with (fillfactor = 50);

-- For how many clients something is stored: counted when a director updates `due`, if anything has changed since. Due again after twenty times
-- as long as that took, and a second at least.
create table tenant_clients (
  tenant text collate "C" primary key,
  clients bigint not null default 0,
  changes bigint not null default 0,
  due timestamptz not null default now()
);

-- Tenants that have as much stored as they may, and at which bound: publishing is refused until enough has been read.
create table full_tenants (
  tenant text collate "C" primary key,
  bound text not null check (bound in ('bytes', 'clients')),
  since timestamptz not null default now()
);

-- What each receiver has taken and refused of its loudest tenants of late: for operators.
create table tenant_use (
  receiver uuid not null,
  tenant text collate "C" not null,
  at timestamptz not null default now(),
  seconds real not null,
  notifications bigint not null,
  bytes bigint not null,
  refused jsonb not null,
  primary key (receiver, tenant)
);

-- The functions have their owner's rights: no service can write the counters otherwise. A session's own tables come last, so that none takes a name of ours.
select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- Rows are locked in the order of their tenants: two statements never wait for each other.
create function count_stored() returns trigger language plpgsql security definer set search_path from current as $$
begin
  insert into tenant_stored as kept (tenant, shard, notifications, bytes, changes)
  select tenant, pg_backend_pid() % 16, sign * notifications, sign * bytes, notifications from (
    select split_part(client, '/', 1) as tenant, count(*) as notifications, sum(octet_length(body)) as bytes,
           case tg_op when 'DELETE' then -1 else 1 end as sign
    from changed group by 1
  ) as counted order by tenant
  on conflict (tenant, shard) do update set notifications = kept.notifications + excluded.notifications,
    bytes = kept.bytes + excluded.bytes, changes = kept.changes + excluded.changes;
  return null;
end $$;

-- From client to client, in one partition after the other: it costs a look into an index for each client, however much is stored. Clients are
-- spread evenly over partitions, so after two seconds the rest is estimated.
create function count_clients() returns trigger language plpgsql security definer set search_path from current as $$
declare
  began timestamptz := clock_timestamp();
  leaves text[] := array(select inhrelid::regclass::text from pg_inherits where inhparent = 'stored_notifications'::regclass);
  looked integer := 0;
  stored bigint;
  found bigint;
begin
  new.due := began + interval '1 second';
  -- Before the clients: what changes meanwhile is counted next time.
  select coalesce(sum(notifications), 0), coalesce(sum(changes), 0) into stored, new.changes
  from tenant_stored where tenant = new.tenant;
  if new.changes = old.changes then return new; end if;
  new.clients := 0;
  if stored = 0 then return new; end if;
  foreach looked in array array(select generate_subscripts(leaves, 1)) loop
    execute format(
      'with recursive each (client) as (
         (select client from %1$s where client > $1 and client < $2 order by client limit 1)
         union all
         select (select client from %1$s where client > each.client and client < $2 order by client limit 1)
         from each where each.client is not null
       ) select count(client) from (select client from each limit 500000) as bounded', leaves[looked])
    into found using new.tenant || '/', new.tenant || '0';
    new.clients := new.clients + found;
    exit when clock_timestamp() > began + interval '2 seconds';
  end loop;
  new.clients := new.clients * cardinality(leaves) / looked;
  new.due := greatest(new.due, clock_timestamp() + 20 * (clock_timestamp() - began));
  return new;
end $$;

create trigger count_clients before update on tenant_clients for each row execute function count_clients();

-- Services that store wait from here on until all that is stored was counted once.
create trigger count_inserted after insert on stored_notifications
  referencing new table as changed for each statement execute function count_stored();
create trigger count_deleted after delete on stored_notifications
  referencing old table as changed for each statement execute function count_stored();

insert into tenant_stored (tenant, shard, notifications, bytes, changes)
select split_part(client, '/', 1), 0, count(*), sum(octet_length(body)), count(*) from stored_notifications group by 1;
insert into tenant_clients (tenant) select tenant from tenant_stored;
