-- How a person keeps their own list of chats. pinned_at_us orders the pinned ones; 0 is for what is not so.
ALTER TABLE messaging_members ADD COLUMN archived BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_members ADD COLUMN muted_until_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_members ADD COLUMN pinned_at_us BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_members ADD COLUMN marked_unread BIGINT NOT NULL DEFAULT 0;

-- What somebody began to write, on whatever device: the one written last stays, an empty one too, so that an older one
-- that comes late does not bring back what was sent or given up.
CREATE TABLE messaging_drafts (
  user_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  text TEXT NOT NULL,
  reply_to BIGINT NOT NULL,
  written_at_us BIGINT NOT NULL,
  PRIMARY KEY (user_id, chat_id)
);
CREATE INDEX messaging_drafts_chat ON messaging_drafts (chat_id, user_id);

-- A person's folders, as they are kept: all of them in one row, in their order.
CREATE TABLE messaging_folders (
  user_id TEXT PRIMARY KEY,
  folders TEXT NOT NULL
);

-- What is kept of a chat goes with it.
CREATE INDEX messaging_hidden_chat ON messaging_hidden (chat_id, seq);
