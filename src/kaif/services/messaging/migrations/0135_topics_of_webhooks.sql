-- Where a webhook posts in a group with topics.
ALTER TABLE messaging_webhooks ADD COLUMN topic_id BIGINT NOT NULL DEFAULT 0;
