-- Uploads that are only pieces of another (tus, concatenation), and what became of them: joined_into names it, and there
-- joined names them, in their order.
ALTER TABLE media_uploads ADD COLUMN partial BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media_uploads ADD COLUMN joined TEXT NOT NULL DEFAULT '';
ALTER TABLE media_uploads ADD COLUMN joined_into TEXT NOT NULL DEFAULT '';

-- Content that was sealed under another holder's key keeps it; empty is the holder's own.
ALTER TABLE media_parts ADD COLUMN key_id TEXT NOT NULL DEFAULT '';
