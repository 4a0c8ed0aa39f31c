-- Those who have as many stored as they may: publishing to them is refused until they have read.
create table full_clients (
  client text collate "C" primary key,
  since timestamptz not null default now()
);
