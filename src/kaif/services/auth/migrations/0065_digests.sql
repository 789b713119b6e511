-- Letters about what people have missed: the last one that went to each, and until when one is under way.
CREATE TABLE auth_digests (
  user_id TEXT PRIMARY KEY,
  sent_id TEXT NOT NULL,
  claimed_until_us BIGINT NOT NULL
);
