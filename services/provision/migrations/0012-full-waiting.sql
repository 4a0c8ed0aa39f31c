-- Tenants that have as many publications for later as they may: a dispatcher marks them, and receivers refuse further ones.
create table full_waiting (
  tenant text collate "C" primary key,
  since timestamptz not null default now()
);
