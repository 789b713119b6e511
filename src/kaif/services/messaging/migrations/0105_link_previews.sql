ALTER TABLE messaging_chats ADD COLUMN previews BIGINT NOT NULL DEFAULT 1;

-- Messages whose link is to be looked up: which one it is, the message says by then. Whoever takes a task moves
-- look_at_us ahead, and puts an end to it only where it still says so.
CREATE TABLE messaging_preview_tasks (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  look_at_us BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
CREATE INDEX messaging_preview_tasks_look ON messaging_preview_tasks (look_at_us);

-- What pages said when they were last read, empty for nothing; under a hash of their address, for which addresses
-- people write is theirs alone.
CREATE TABLE messaging_pages (
  hash TEXT PRIMARY KEY,
  reading_until_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  summary TEXT NOT NULL
);
CREATE INDEX messaging_pages_expiry ON messaging_pages (expires_at_us);
