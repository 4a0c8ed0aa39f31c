-- What services reported about notifications. Each table has one partition for each day, so that old rows leave by
-- dropping a table. `day` is the number of whole days since 1970 (UTC) of the time at which Kafka appended the record. So
-- a repeat of a record has the same days and keys, and changes nothing.
create table timeline (
  tenant text collate "C" not null,
  -- Without its tenant. Empty for a publication to many, and for a refused request without a client.
  client text collate "C" not null,
  id uuid not null,
  -- The clock of the service: only for display.
  at timestamptz not null,
  service text collate "C" not null,
  instance text collate "C" not null,
  kind text collate "C" not null,
  detail jsonb not null,
  day integer not null,
  -- The place in the topic `events`: partition, offset, and item in the record.
  partition integer not null,
  record_offset bigint not null,
  item integer not null,
  primary key (day, partition, record_offset, item)
) partition by list (day);
create index timeline_id on timeline (tenant, id);
create index timeline_client on timeline (tenant, client, at);
-- Lists of a tenant's notifications, and of one publisher's.
create index timeline_accepted on timeline (tenant, at) where kind = 'accepted';
create index timeline_publisher on timeline (tenant, (detail ->> 'publisher'), at) where kind = 'accepted';
-- Lists of exceptions, which are recorded of every notification (ALWAYS_RECORDED in shared/timeline/events.ts).
create index timeline_exceptions on timeline (tenant, kind, at)
  where kind in ('refused', 'expired', 'retracted', 'undeliverable', 'dead-lettered', 'quarantined');

-- Events that are missing, between two times of one process' clock.
create table timeline_gaps (
  service text collate "C" not null,
  instance text collate "C" not null,
  began timestamptz not null,
  ended timestamptz not null,
  count bigint not null,
  day integer not null,
  partition integer not null,
  record_offset bigint not null,
  item integer not null,
  primary key (day, partition, record_offset, item)
) partition by list (day);
create index timeline_gaps_ended on timeline_gaps (ended);

-- The days that have partitions: from `first` to `last`. Setting `due` makes those that are missing, and drops those
-- before the last `days` days.
create table timeline_days (
  one boolean primary key default true check (one),
  due timestamptz not null default now(),
  days integer not null default 7 check (days between 1 and 90),
  first integer not null default 0,
  last integer not null default 0
);

-- The function has its owner's rights, because no service may create tables. A session's own tables come last, so that
-- none takes a name of ours.
select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- A waiting lock on a whole table would stop all its readers and writers, hence the short timeout: the caller repeats.
create function keep_timeline_days() returns trigger language plpgsql security definer
  set search_path from current set lock_timeout = '500ms' as $$
declare
  today constant integer := floor(extract(epoch from now()) / 86400);
  parent text;
  part text;
begin
  new.due := now() + interval '1 hour';
  new.first := today - new.days;
  new.last := today + 2;
  foreach parent in array array['timeline', 'timeline_gaps'] loop
    for day in new.first .. new.last loop
      part := parent || '_' || day;
      continue when to_regclass(part) is not null;
      -- Attaching lets readers and writers go on. Creating a partition would lock the whole table.
      execute format('create table %I (like %I including all)', part, parent);
      execute format('alter table %I attach partition %I for values in (%s)', parent, part, day);
    end loop;
  end loop;
  -- Dropping needs such a lock. If it is not free, the next call drops.
  begin
    for part in
      select relname from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = any (array['timeline'::regclass, 'timeline_gaps'::regclass])
        and substring(relname from '\d+$')::integer < new.first
    loop
      execute format('drop table %I', part);
    end loop;
  exception when lock_not_available then
    new.first := old.first;
  end;
  return new;
end $$;

create trigger keep_timeline_days before update on timeline_days for each row execute function keep_timeline_days();
insert into timeline_days default values;
update timeline_days set due = now();

-- An inbox's item whose notification is followed: its marks are recorded.
alter table inbox_items add column followed boolean not null default false;

-- A new platform has no older service, so it may follow notifications at once.
update platform set format = 4 where not exists (select from epochs);
