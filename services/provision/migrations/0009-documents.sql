-- What operators describe: exchanges, queues, schedules. Rows change and are read as those of `access`.
create table documents (
  kind text not null,
  tenant text collate "C" not null,
  id text collate "C" not null,
  value jsonb,
  changed bigint not null unique,
  at timestamptz not null default now(),
  primary key (kind, tenant, id)
);
create table documents_version (
  one boolean primary key default true check (one),
  version bigint not null
);
insert into documents_version (version) values (0);
