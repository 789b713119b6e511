-- The files of a draft, as they were given and as they are, and the hold that keeps them (0114_attachments.sql).
ALTER TABLE messaging_drafts ADD COLUMN files TEXT NOT NULL DEFAULT '{}';
ALTER TABLE messaging_drafts ADD COLUMN hold TEXT NOT NULL DEFAULT '';
