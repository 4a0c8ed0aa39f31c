-- Who may do what: tenants, keys, issuers, grants, revocations, each a document that was checked when it was written. A row that
-- was taken away stays for a while without a value, so that whoever reads what has changed hears of it.
create table access (
  kind text not null,
  tenant text collate "C" not null,
  id text collate "C" not null,
  value jsonb,
  changed bigint not null unique,
  at timestamptz not null default now(),
  primary key (kind, tenant, id)
);

-- A token's issuer, and a key's id, say which tenant it is of: there is one.
create unique index access_issuers on access ((value ->> 'issuer')) where kind = 'issuer' and value is not null;
create unique index access_keys on access (id) where kind = 'key';

-- Whoever writes takes this row first: so changes become visible in the order of their numbers.
create table access_version (
  one boolean primary key default true check (one),
  version bigint not null
);
insert into access_version (version) values (0);
