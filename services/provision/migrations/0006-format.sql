-- The newest form of bytes and policies that a service may write. `provision --finish-upgrade` raises it when each running service can read it.
create table platform (
  one boolean primary key default true check (one),
  format integer not null
);
-- A new platform has no older service.
insert into platform (format) select case when exists (select from epochs) then 1 else 2 end;

-- The newest form that each running process can read. It writes this row at intervals.
create table service_formats (
  instance uuid primary key,
  service text not null,
  format integer not null,
  at timestamptz not null default now()
);
