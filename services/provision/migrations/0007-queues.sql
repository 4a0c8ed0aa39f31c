-- A message of a queue is a row of stored_notifications with the client `tenant/{queue}`.

-- Each message up to and with `sequence` is confirmed. A row at or below it is never returned, even if it is inserted later, and is deleted.
create table queue_positions (
  client text collate "C" primary key,
  sequence text collate "C" not null
);

-- Messages behind the position: claimed by a worker until a time, or confirmed.
create table claims (
  client text collate "C" not null,
  sequence text collate "C" not null,
  until timestamptz,
  attempts integer not null default 0,
  confirmed boolean not null default false,
  primary key (client, sequence)
) partition by hash (client);

create table claims_0 partition of claims for values with (modulus 16, remainder 0);
create table claims_1 partition of claims for values with (modulus 16, remainder 1);
create table claims_2 partition of claims for values with (modulus 16, remainder 2);
create table claims_3 partition of claims for values with (modulus 16, remainder 3);
create table claims_4 partition of claims for values with (modulus 16, remainder 4);
create table claims_5 partition of claims for values with (modulus 16, remainder 5);
create table claims_6 partition of claims for values with (modulus 16, remainder 6);
create table claims_7 partition of claims for values with (modulus 16, remainder 7);
create table claims_8 partition of claims for values with (modulus 16, remainder 8);
create table claims_9 partition of claims for values with (modulus 16, remainder 9);
create table claims_10 partition of claims for values with (modulus 16, remainder 10);
create table claims_11 partition of claims for values with (modulus 16, remainder 11);
create table claims_12 partition of claims for values with (modulus 16, remainder 12);
create table claims_13 partition of claims for values with (modulus 16, remainder 13);
create table claims_14 partition of claims for values with (modulus 16, remainder 14);
create table claims_15 partition of claims for values with (modulus 16, remainder 15);

-- Messages that can never be handled: a worker gave up after its last attempt. A tenant's operators read and redrive them.
create table quarantine (
  tenant text collate "C" not null,
  id uuid not null,
  source text not null,
  reason text not null,
  headers jsonb,
  body bytea not null,
  at timestamptz not null default now(),
  primary key (tenant, id)
);
create index quarantine_at on quarantine (at);
