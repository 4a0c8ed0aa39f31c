-- Members of groups. `client` is the client key, as in stored_notifications.
create table members (
  client text collate "C" not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  since timestamptz not null default now(),
  primary key (client, tenant, name)
) partition by hash (client);

create table members_0 partition of members for values with (modulus 16, remainder 0);
create table members_1 partition of members for values with (modulus 16, remainder 1);
create table members_2 partition of members for values with (modulus 16, remainder 2);
create table members_3 partition of members for values with (modulus 16, remainder 3);
create table members_4 partition of members for values with (modulus 16, remainder 4);
create table members_5 partition of members for values with (modulus 16, remainder 5);
create table members_6 partition of members for values with (modulus 16, remainder 6);
create table members_7 partition of members for values with (modulus 16, remainder 7);
create table members_8 partition of members for values with (modulus 16, remainder 8);
create table members_9 partition of members for values with (modulus 16, remainder 9);
create table members_10 partition of members for values with (modulus 16, remainder 10);
create table members_11 partition of members for values with (modulus 16, remainder 11);
create table members_12 partition of members for values with (modulus 16, remainder 12);
create table members_13 partition of members for values with (modulus 16, remainder 13);
create table members_14 partition of members for values with (modulus 16, remainder 14);
create table members_15 partition of members for values with (modulus 16, remainder 15);

create index members_of_group on members (tenant, name, client);

-- Publications that are due later, or too large to be written at once. `hash` is that of the key: it says who owns the row, however many
-- partitions dispatch has. `place` is the position in dispatch, and orders the publications of one key. `after` is the last member that was written.
create table publications (
  id uuid not null,
  tenant text collate "C" not null,
  hash integer not null,
  key text collate "C" not null,
  place text collate "C" not null,
  state text not null check (state in ('waiting', 'running', 'done', 'cancelled', 'skipped')),
  due timestamptz,
  after text collate "C" not null default '',
  written bigint not null default 0,
  refused bigint not null default 0,
  schedule text collate "C",
  occurrence timestamptz,
  reason text,
  head jsonb not null,
  body bytea,
  created timestamptz not null default now(),
  ended timestamptz,
  primary key (id, tenant)
) partition by hash (id);

create table publications_0 partition of publications for values with (modulus 16, remainder 0);
create table publications_1 partition of publications for values with (modulus 16, remainder 1);
create table publications_2 partition of publications for values with (modulus 16, remainder 2);
create table publications_3 partition of publications for values with (modulus 16, remainder 3);
create table publications_4 partition of publications for values with (modulus 16, remainder 4);
create table publications_5 partition of publications for values with (modulus 16, remainder 5);
create table publications_6 partition of publications for values with (modulus 16, remainder 6);
create table publications_7 partition of publications for values with (modulus 16, remainder 7);
create table publications_8 partition of publications for values with (modulus 16, remainder 8);
create table publications_9 partition of publications for values with (modulus 16, remainder 9);
create table publications_10 partition of publications for values with (modulus 16, remainder 10);
create table publications_11 partition of publications for values with (modulus 16, remainder 11);
create table publications_12 partition of publications for values with (modulus 16, remainder 12);
create table publications_13 partition of publications for values with (modulus 16, remainder 13);
create table publications_14 partition of publications for values with (modulus 16, remainder 14);
create table publications_15 partition of publications for values with (modulus 16, remainder 15);

create index publications_due on publications (hash, due) where state = 'waiting';
create index publications_running on publications (hash, key, place) where state = 'running';
create index publications_ended on publications (ended) where ended is not null;
create index publications_schedule on publications (tenant, schedule) where schedule is not null;
