-- Who wants letters about what they have missed: only they stand here. `due_at_us` is when to look again.
-- What goes into a letter is noted before it is sent: `pending_id` is its name, and `pending` the newest message of each
-- chat that it tells of, so that a letter that is begun twice is the same one.
CREATE TABLE messaging_digests (
  user_id TEXT PRIMARY KEY,
  every TEXT NOT NULL,
  at_minute BIGINT NOT NULL,
  time_zone TEXT NOT NULL,
  language TEXT NOT NULL,
  since_us BIGINT NOT NULL,
  due_at_us BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  pending_id TEXT NOT NULL,
  pending TEXT NOT NULL
);
CREATE INDEX messaging_digests_due ON messaging_digests (due_at_us);

-- The newest message of the chat that a letter has told of.
ALTER TABLE messaging_members ADD COLUMN digest_seq BIGINT NOT NULL DEFAULT 0;
