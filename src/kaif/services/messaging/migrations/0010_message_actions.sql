-- The last entry that is something to see by itself: actions on messages are not.
ALTER TABLE messaging_chats ADD COLUMN shown_seq BIGINT NOT NULL DEFAULT 0;
UPDATE messaging_chats SET shown_seq = seq;

-- Whom a message may mention.
CREATE INDEX messaging_people_username ON messaging_people (username);

-- What is quoted of a message in answers to it. It stands apart from them, so that it goes with the message.
CREATE TABLE messaging_quotes (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  target BIGINT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
CREATE INDEX messaging_quotes_target ON messaging_quotes (chat_id, target);

-- What messages said before they were edited; at_us is since when they said it.
CREATE TABLE messaging_versions (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  number BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  text TEXT NOT NULL,
  entities TEXT NOT NULL,
  PRIMARY KEY (chat_id, seq, number)
);

-- Who reacted; how many did stands with the message.
CREATE TABLE messaging_reactions (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  emoji TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq, user_id, emoji)
);
CREATE INDEX messaging_reactions_user ON messaging_reactions (user_id, chat_id, seq);

CREATE TABLE messaging_pins (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  pinned_seq BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);

-- Messages that somebody has deleted for themselves alone.
CREATE TABLE messaging_hidden (
  user_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (user_id, chat_id, seq)
);
