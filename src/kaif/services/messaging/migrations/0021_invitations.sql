-- Of a link only the hash of its secret is kept. uses_max 0 and expires_at_us 0 mean without end.
CREATE TABLE messaging_links (
  id TEXT PRIMARY KEY,
  chat_id TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  made_by TEXT NOT NULL,
  note TEXT NOT NULL,
  approval BIGINT NOT NULL,
  uses BIGINT NOT NULL,
  uses_max BIGINT NOT NULL,
  made_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  revoked_at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX messaging_links_secret ON messaging_links (secret_hash);
CREATE INDEX messaging_links_chat ON messaging_links (chat_id, id);

-- Who asks to be let in, until an admin answers.
CREATE TABLE messaging_join_requests (
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  link_id TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX messaging_join_requests_user ON messaging_join_requests (user_id);
