-- Runs with the namespace's schema as the search path. The order of COLLATE "C" is that of the bytes, so that comparing
-- sequences here is comparing them in the services, whatever the server's locale.
create table stored_notifications (
  client text collate "C" not null,
  sequence text collate "C" not null,
  appended timestamptz not null,
  expires timestamptz,
  body bytea not null,
  primary key (client, sequence)
) partition by hash (client);

create table stored_notifications_0 partition of stored_notifications for values with (modulus 8, remainder 0);
create table stored_notifications_1 partition of stored_notifications for values with (modulus 8, remainder 1);
create table stored_notifications_2 partition of stored_notifications for values with (modulus 8, remainder 2);
create table stored_notifications_3 partition of stored_notifications for values with (modulus 8, remainder 3);
create table stored_notifications_4 partition of stored_notifications for values with (modulus 8, remainder 4);
create table stored_notifications_5 partition of stored_notifications for values with (modulus 8, remainder 5);
create table stored_notifications_6 partition of stored_notifications for values with (modulus 8, remainder 6);
create table stored_notifications_7 partition of stored_notifications for values with (modulus 8, remainder 7);

create index stored_expires on stored_notifications (expires) where expires is not null;
