-- Members of groups. `client` is the client key, as in stored_notifications. A member is always in the same slice.
create table members (
  client text collate "C" not null,
  tenant text collate "C" not null,
  name text collate "C" not null,
  slice smallint not null generated always as ((hashtextextended(client, 0) & 15)::smallint) stored,
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

create index members_of_group on members (tenant, name, slice, client);

-- Publications that are due later, or too large to be written at once, and for some days those that have ended. Publications with the same
-- key are written one after the other, in the order of `place`: one dispatcher inserts them in the order of dispatch.
-- `head` may have the character U+0000, which jsonb cannot hold.
create sequence publication_places;
create table publications (
  id uuid not null,
  tenant text collate "C" not null,
  key text collate "C" not null,
  place bigint not null default nextval('publication_places'),
  state text not null check (state in ('waiting', 'running', 'cancelling', 'done', 'cancelled', 'skipped')),
  due timestamptz not null,
  written bigint not null default 0,
  refused bigint not null default 0,
  schedule text collate "C",
  occurrence timestamptz,
  reason text,
  head json not null,
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

create index publications_due on publications (due) where state = 'waiting';
create index publications_of_key on publications (key, place) where state in ('running', 'cancelling');
create index publications_ended on publications (ended) where ended is not null;
create index publications_waiting on publications (tenant) where state = 'waiting';

-- The next occurrence of each schedule: exactly one. `version` is that of its document. `missed` counts those that were skipped since the last one.
create table schedule_timers (
  tenant text collate "C" not null,
  name text collate "C" not null,
  version bigint not null,
  occurrence timestamptz not null,
  missed integer not null default 0,
  primary key (tenant, name)
);
create index schedule_timers_due on schedule_timers (occurrence);

-- Parts of a running publication: -1 is all of it, 0 to 15 are the members of that slice. `target` and `after` say how far it is:
-- the number of its target, and the last member that was written. `expected`: about how many recipients it has. `begun`: a page may have been written that `after` does not show.
-- `hash` decides which dispatcher writes it, however many partitions dispatch has.
create table publication_slices (
  id uuid not null,
  tenant text collate "C" not null,
  slice smallint not null,
  hash integer not null,
  expected bigint not null default 0,
  target smallint not null default 0,
  after text collate "C" not null default '',
  written bigint not null default 0,
  refused bigint not null default 0,
  begun boolean not null default false,
  done boolean not null default false,
  primary key (id, tenant, slice)
) partition by hash (id);

create table publication_slices_0 partition of publication_slices for values with (modulus 16, remainder 0);
create table publication_slices_1 partition of publication_slices for values with (modulus 16, remainder 1);
create table publication_slices_2 partition of publication_slices for values with (modulus 16, remainder 2);
create table publication_slices_3 partition of publication_slices for values with (modulus 16, remainder 3);
create table publication_slices_4 partition of publication_slices for values with (modulus 16, remainder 4);
create table publication_slices_5 partition of publication_slices for values with (modulus 16, remainder 5);
create table publication_slices_6 partition of publication_slices for values with (modulus 16, remainder 6);
create table publication_slices_7 partition of publication_slices for values with (modulus 16, remainder 7);
create table publication_slices_8 partition of publication_slices for values with (modulus 16, remainder 8);
create table publication_slices_9 partition of publication_slices for values with (modulus 16, remainder 9);
create table publication_slices_10 partition of publication_slices for values with (modulus 16, remainder 10);
create table publication_slices_11 partition of publication_slices for values with (modulus 16, remainder 11);
create table publication_slices_12 partition of publication_slices for values with (modulus 16, remainder 12);
create table publication_slices_13 partition of publication_slices for values with (modulus 16, remainder 13);
create table publication_slices_14 partition of publication_slices for values with (modulus 16, remainder 14);
create table publication_slices_15 partition of publication_slices for values with (modulus 16, remainder 15);

create index publication_slices_open on publication_slices (hash) where not done;
