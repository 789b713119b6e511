-- Whom a person wants nothing to do with.
CREATE TABLE messaging_blocks (
  user_id TEXT NOT NULL,
  blocked_id TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (user_id, blocked_id)
);
CREATE INDEX messaging_blocks_blocked ON messaging_blocks (blocked_id);

-- Only of those who have chosen something else than what everybody begins with.
CREATE TABLE messaging_privacy (
  user_id TEXT PRIMARY KEY,
  write_first TEXT NOT NULL,
  add_to_groups TEXT NOT NULL,
  online TEXT NOT NULL,
  read_receipts BIGINT NOT NULL,
  named_in_forwards BIGINT NOT NULL
);

-- How many of the two people of a direct chat have blocked the other one. It stands where every message reads the end
-- of the log, so that the log's order decides between a message and a block.
ALTER TABLE messaging_chats ADD COLUMN closed BIGINT NOT NULL DEFAULT 0;

-- What others see of a read mark while a block stands between them.
ALTER TABLE messaging_members ADD COLUMN frozen_read_seq BIGINT;
-- 1 while a stranger's chat has not been answered.
ALTER TABLE messaging_members ADD COLUMN unanswered BIGINT NOT NULL DEFAULT 0;
