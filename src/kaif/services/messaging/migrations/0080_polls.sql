-- How polls stand. What a quiz's right answer is stands here until the poll is closed: `correct` is -1 where there is
-- none. `due_at_us` is when the chat is to be told something of it, or the poll to be closed; 0 is never.
CREATE TABLE messaging_polls (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  anonymous BIGINT NOT NULL,
  correct BIGINT NOT NULL,
  explanation TEXT NOT NULL,
  counts TEXT NOT NULL,
  voters BIGINT NOT NULL,
  closed BIGINT NOT NULL,
  closes_at_us BIGINT NOT NULL,
  told_at_us BIGINT NOT NULL,
  due_at_us BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
CREATE INDEX messaging_polls_due ON messaging_polls (due_at_us) WHERE due_at_us > 0;

-- Who chose what: nobody is told of it but the voter, unless the poll is open.
CREATE TABLE messaging_votes (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  option BIGINT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq, user_id, option)
);
CREATE INDEX messaging_votes_option ON messaging_votes (chat_id, seq, option, at_us);
CREATE INDEX messaging_votes_user ON messaging_votes (user_id);
