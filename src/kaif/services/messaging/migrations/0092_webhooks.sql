-- Addresses by which programs elsewhere post into one chat, in a name of their own. Of the secret only its SHA-256 is
-- kept. `posts` counts those since `window_at_us`.
CREATE TABLE messaging_webhooks (
  id TEXT PRIMARY KEY,
  chat_id TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  name TEXT NOT NULL,
  made_by TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  used_at_us BIGINT,
  window_at_us BIGINT NOT NULL DEFAULT 0,
  posts BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX messaging_webhooks_secret ON messaging_webhooks (secret_hash);
CREATE INDEX messaging_webhooks_chat ON messaging_webhooks (chat_id, id);
CREATE INDEX messaging_webhooks_maker ON messaging_webhooks (made_by);
