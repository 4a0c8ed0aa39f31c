-- The options that a statement has to find: a newer notification replaces an older one with the same collapse key, and a deletion
-- reports an outcome. Null for most rows, so the columns cost nothing. 0011 makes their indexes.
alter table stored_notifications add column collapse text collate "C";
alter table stored_notifications add column outcomes text collate "C";
