-- Where a bot wants to be told of what happens in its chats: one address for each bot. `id` is another one each time the
-- address is set. The secret that signs is needed again, so it is sealed. `callbacks` is the number of the last press that
-- was told. Nothing is tried before `retry_at_us`, and nothing at all once it is stopped; 0 stands for never.
CREATE TABLE messaging_outgoing_webhooks (
  bot_id TEXT PRIMARY KEY,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  sealed TEXT NOT NULL,
  set_at_us BIGINT NOT NULL,
  callbacks BIGINT NOT NULL,
  attempts BIGINT NOT NULL DEFAULT 0,
  failing_since_us BIGINT NOT NULL DEFAULT 0,
  retry_at_us BIGINT NOT NULL DEFAULT 0,
  stopped_at_us BIGINT NOT NULL DEFAULT 0,
  problem TEXT NOT NULL DEFAULT '',
  status BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX messaging_outgoing_webhooks_retry ON messaging_outgoing_webhooks (retry_at_us)
  WHERE retry_at_us > 0 AND stopped_at_us = 0;

-- How far each bot has been told of each log that it is in: what lies behind the mark has been taken.
CREATE TABLE messaging_outgoing_webhook_marks (
  bot_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (bot_id, chat_id)
);
CREATE INDEX messaging_outgoing_webhook_marks_chat ON messaging_outgoing_webhook_marks (chat_id, bot_id);
