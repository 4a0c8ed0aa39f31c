-- without transaction: services store and delete meanwhile.
create index stored_collapse on stored_notifications (client, collapse, sequence) where collapse is not null;
create index stored_outcomes on stored_notifications (client, sequence) where outcomes is not null;
