-- Of several who ask for it at the same time each is told, and each stands in the audit log: a purge is that of whoever
-- asked for it, and of the report that led to it.
CREATE TABLE messaging_purges_of_each (
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  purge_id TEXT NOT NULL,
  asked_by TEXT NOT NULL,
  report_id TEXT NOT NULL,
  until_seq BIGINT NOT NULL,
  reached_seq BIGINT NOT NULL,
  deleted BIGINT NOT NULL,
  PRIMARY KEY (chat_id, user_id, asked_by, report_id)
);
INSERT INTO messaging_purges_of_each
  (chat_id, user_id, purge_id, asked_by, report_id, until_seq, reached_seq, deleted)
SELECT chat_id, user_id, purge_id, asked_by, report_id, until_seq, reached_seq, deleted FROM messaging_purges;
DROP TABLE messaging_purges;
ALTER TABLE messaging_purges_of_each RENAME TO messaging_purges;
