-- One has a draft in a chat, in each of its topics and on each post of a channel that one comments on: topic_id is -1 and
-- post 0 where it is none. quote is the part that it answers of what reply_to says.
CREATE TABLE messaging_drafts_of_parts (
  user_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  topic_id BIGINT NOT NULL,
  post BIGINT NOT NULL,
  text TEXT NOT NULL,
  reply_to BIGINT NOT NULL,
  quote TEXT NOT NULL,
  written_at_us BIGINT NOT NULL,
  files TEXT NOT NULL,
  hold TEXT NOT NULL,
  PRIMARY KEY (user_id, chat_id, topic_id, post)
);
INSERT INTO messaging_drafts_of_parts
  (user_id, chat_id, topic_id, post, text, reply_to, quote, written_at_us, files, hold)
SELECT user_id, chat_id, -1, 0, text, reply_to, '', written_at_us, files, hold FROM messaging_drafts;
DROP TABLE messaging_drafts;
ALTER TABLE messaging_drafts_of_parts RENAME TO messaging_drafts;
CREATE INDEX messaging_drafts_chat ON messaging_drafts (chat_id, user_id);
