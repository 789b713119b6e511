-- written_at_us is the time that the newest entry of the log bears. Where an entry bears an earlier one than that before
-- it, because a clock was set back, its place stands in messaging_clock_jumps: between two of them times follow places.
ALTER TABLE messaging_chats ADD COLUMN written_at_us BIGINT NOT NULL DEFAULT 0;
UPDATE messaging_chats SET written_at_us = active_at_us;
CREATE TABLE messaging_clock_jumps (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
-- By which clock it was decided when to look: of one that was ahead it is not believed.
ALTER TABLE messaging_due ADD COLUMN set_at_us BIGINT NOT NULL DEFAULT 0;
CREATE INDEX messaging_due_set ON messaging_due (set_at_us) WHERE kind = 'vanish';
