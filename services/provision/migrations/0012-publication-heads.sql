-- A header may have the character U+0000, which jsonb cannot hold. Nothing searches in heads.
alter table publications alter column head type json;
