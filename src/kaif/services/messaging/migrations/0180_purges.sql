-- Of whom all that they wrote in a chat is being deleted, how far the log has been gone through for it, and how many
-- messages have been deleted so far.
CREATE TABLE messaging_purges (
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  purge_id TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  report_id TEXT NOT NULL,
  until_seq BIGINT NOT NULL,
  reached_seq BIGINT NOT NULL,
  deleted BIGINT NOT NULL,
  PRIMARY KEY (chat_id, user_id)
);
