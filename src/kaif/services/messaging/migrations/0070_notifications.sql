-- Where browsers listen for what happens while nobody looks: one for each session. What they told us of their push
-- services is a secret, since whoever knows it can send there: it is sealed, and known again by its hash.
CREATE TABLE messaging_push_subscriptions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  endpoint_hash TEXT NOT NULL,
  sealed TEXT NOT NULL,
  language TEXT NOT NULL,
  made_at_us BIGINT NOT NULL
);
CREATE UNIQUE INDEX messaging_push_subscriptions_session ON messaging_push_subscriptions (session_id);
CREATE UNIQUE INDEX messaging_push_subscriptions_endpoint ON messaging_push_subscriptions (endpoint_hash);
CREATE INDEX messaging_push_subscriptions_user ON messaging_push_subscriptions (user_id, id);

-- What one device is to be told of one chat: `seq` is the newest message for it, `shown_seq` the one that it was told
-- last. Nothing is due where due_at_us is 0.
CREATE TABLE messaging_push_deliveries (
  subscription_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  shown_seq BIGINT NOT NULL,
  due_at_us BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  PRIMARY KEY (subscription_id, chat_id)
);
CREATE INDEX messaging_push_deliveries_due ON messaging_push_deliveries (due_at_us) WHERE due_at_us > 0;
CREATE INDEX messaging_push_deliveries_chat ON messaging_push_deliveries (chat_id, subscription_id);

-- What a person wants to be told. Quiet hours are minutes after midnight in their time zone; there are none where both
-- are the same.
CREATE TABLE messaging_push_settings (
  user_id TEXT PRIMARY KEY,
  preview BIGINT NOT NULL,
  mentions_only BIGINT NOT NULL,
  quiet_from BIGINT NOT NULL,
  quiet_until BIGINT NOT NULL,
  time_zone TEXT NOT NULL
);

-- "all", "mentions" or "none".
ALTER TABLE messaging_members ADD COLUMN notify TEXT NOT NULL DEFAULT 'all';
