-- Which messages of groups mention somebody or answer them. A row goes when it has been read, and with its message; one
-- that stands at or before the read mark has been read all the same. What was said before this is not counted.
CREATE TABLE messaging_mentions (
  user_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  topic_id BIGINT NOT NULL,
  PRIMARY KEY (user_id, chat_id, seq)
);
CREATE INDEX messaging_mentions_message ON messaging_mentions (chat_id, seq);
