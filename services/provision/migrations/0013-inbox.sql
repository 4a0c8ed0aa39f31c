-- The inboxes of clients. Each table has one partition for each week, so that old rows leave by dropping a table. `week`
-- is the number of whole weeks since 1970 (UTC): for items that of `appended`, so a repeat of an item has the same week.
create table inbox_items (
  client text collate "C" not null,
  sequence text collate "C" not null,
  week integer not null,
  -- When Kafka appended its record to accepted.
  appended timestamptz not null,
  -- A publisher that repeats a request can cause two rows of one client with one id: the first one counts.
  id uuid not null,
  event text collate "C",
  -- Of the rows of one client and key only that with the highest sequence is listed, and not if it is a retract.
  collapse text collate "C",
  retract boolean not null,
  -- The queue that gets the outcome.
  outcomes text collate "C",
  headers text,
  traceparent text collate "C",
  expires timestamptz,
  -- The bytes of `data` as they were published.
  data bytea not null,
  primary key (client, sequence, week)
) partition by list (week);
create index inbox_collapse on inbox_items (client, collapse, sequence) where collapse is not null;

-- Marks of single items: 1 seen, 2 read, 3 archived. A mark may precede its item. `week` is that of the mark: of several
-- rows for one item the greatest mark counts.
create table inbox_marks (
  client text collate "C" not null,
  id uuid not null,
  week integer not null,
  mark smallint not null check (mark between 1 and 3),
  primary key (client, id, week)
) partition by list (week);

-- Marks of all items up to a sequence. `week` is that of the mark: of several rows for one client the greatest counts.
create table inbox_clients (
  client text collate "C" not null,
  week integer not null,
  seen_to text collate "C" not null default '',
  read_to text collate "C" not null default '',
  archived_to text collate "C" not null default '',
  primary key (client, week)
) partition by list (week);

-- The weeks that have partitions: from `first` to `last`. Setting `due` makes those that are missing, and drops those
-- whose rows are all older than 31 days: no inbox shows rows of more than 30 days, and clocks differ a little.
create table inbox_weeks (
  one boolean primary key default true check (one),
  due timestamptz not null default now(),
  first integer not null default 0,
  last integer not null default 0
);

-- The function has its owner's rights, because no service may create tables. A session's own tables come last, so that
-- none takes a name of ours.
select set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);

-- A waiting lock on a whole table would stop all its readers and writers, hence the short timeout: the caller repeats.
create function keep_inbox_weeks() returns trigger language plpgsql security definer
  set search_path from current set lock_timeout = '500ms' as $$
declare
  days constant numeric := extract(epoch from now()) / 86400;
  parent text;
  part text;
begin
  new.due := now() + interval '1 hour';
  new.first := floor((days - 31) / 7);
  new.last := floor(days / 7) + 2;
  foreach parent in array array['inbox_items', 'inbox_marks', 'inbox_clients'] loop
    for week in new.first .. new.last loop
      part := parent || '_' || week;
      continue when to_regclass(part) is not null;
      -- Attaching lets readers and writers go on. Creating a partition would lock the whole table.
      execute format('create table %I (like %I including all)', part, parent);
      execute format('alter table %I attach partition %I for values in (%s)', parent, part, week);
    end loop;
  end loop;
  -- Dropping needs such a lock. If it is not free, the next call drops.
  begin
    for part in
      select relname from pg_inherits join pg_class on pg_class.oid = inhrelid
      where inhparent = any (array['inbox_items'::regclass, 'inbox_marks'::regclass, 'inbox_clients'::regclass])
        and substring(relname from '\d+$')::integer < new.first
    loop
      execute format('drop table %I', part);
    end loop;
  exception when lock_not_available then
    new.first := old.first;
  end;
  return new;
end $$;

create trigger keep_inbox_weeks before update on inbox_weeks for each row execute function keep_inbox_weeks();
insert into inbox_weeks default values;
update inbox_weeks set due = now();

-- A new platform has no older service, so it may have inboxes at once.
update platform set format = 3 where not exists (select from epochs);
