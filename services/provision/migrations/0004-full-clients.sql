-- Those who have as many stored as they may: publishing to them is refused until they have read up to and with `boundary`.
create table full_clients (
  client text collate "C" primary key,
  boundary text collate "C" not null,
  since timestamptz not null default now(),
  counted timestamptz not null default now()
);
