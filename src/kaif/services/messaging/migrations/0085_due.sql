-- What is to be done at a time. look_at_us is when the queue looks at it, 0 for what was given up, and then failure says
-- why. once is the person's own reference, which makes asking safe to repeat. body is of the kind's own form.
CREATE TABLE messaging_due (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  user_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  once TEXT NOT NULL,
  due_at_us BIGINT NOT NULL,
  look_at_us BIGINT NOT NULL,
  failure TEXT NOT NULL,
  body TEXT NOT NULL
);
CREATE UNIQUE INDEX messaging_due_once ON messaging_due (user_id, once);
CREATE INDEX messaging_due_look ON messaging_due (look_at_us) WHERE look_at_us > 0;
CREATE INDEX messaging_due_chat ON messaging_due (chat_id, user_id);
