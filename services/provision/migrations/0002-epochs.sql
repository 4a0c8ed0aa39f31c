create table epochs (
  epoch integer primary key check (epoch between 1 and 65535),
  partitions integer not null,
  created timestamptz not null default now()
);
