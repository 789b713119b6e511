-- Which posts of a channel a person has seen: bit n of a block is the post whose seq is block * 60 + n. So nobody is
-- counted twice, and sixty posts take one row.
CREATE TABLE messaging_views (
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  block BIGINT NOT NULL,
  bits BIGINT NOT NULL,
  PRIMARY KEY (chat_id, user_id, block)
);
CREATE INDEX messaging_views_user ON messaging_views (user_id);

-- By how many people a post has been seen.
CREATE TABLE messaging_post_views (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  views BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
