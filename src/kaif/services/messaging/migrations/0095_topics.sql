-- Topics are parts of a group's one log. topics says whether the group has them: 0 never, 1 now, 2 no longer. From the
-- first time on each message is counted in its topic, in the one without a name too, whose id is 0.
ALTER TABLE messaging_chats ADD COLUMN topics BIGINT NOT NULL DEFAULT 0;

-- The id of a topic is the place of the entry that made it. messages is how many it holds.
CREATE TABLE messaging_topics (
  chat_id TEXT NOT NULL,
  id BIGINT NOT NULL,
  title TEXT NOT NULL,
  icon TEXT NOT NULL,
  colour BIGINT NOT NULL,
  creator_id TEXT NOT NULL,
  once TEXT NOT NULL,
  made_at_us BIGINT NOT NULL,
  closed BIGINT NOT NULL,
  hidden BIGINT NOT NULL,
  pinned_at_us BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  PRIMARY KEY (chat_id, id)
);
CREATE UNIQUE INDEX messaging_topics_once ON messaging_topics (once);

-- The entries of each topic, each with the number of the topic's messages up to and with it. They lie beside the log, so
-- that chats without topics write nothing for them.
CREATE TABLE messaging_topic_entries (
  chat_id TEXT NOT NULL,
  topic_id BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  messages BIGINT NOT NULL,
  PRIMARY KEY (chat_id, topic_id, seq)
);

-- What differs from person to person. Nothing is kept of those for whom nothing does.
CREATE TABLE messaging_topic_members (
  chat_id TEXT NOT NULL,
  topic_id BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  read_seq BIGINT NOT NULL DEFAULT 0,
  read_messages BIGINT NOT NULL DEFAULT 0,
  muted_until_us BIGINT NOT NULL DEFAULT 0,
  restricted BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (chat_id, topic_id, user_id)
);
CREATE INDEX messaging_topic_members_user ON messaging_topic_members (user_id, chat_id);
