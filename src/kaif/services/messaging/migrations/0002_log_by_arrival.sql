-- Entries lie in the order in which they arrive, and references rise with time where clients make them so: a batch
-- then writes to the end of the table and of one index, instead of two places for each chat.
ALTER TABLE messaging_entries RENAME TO messaging_entries_by_chat;
CREATE TABLE messaging_entries (
  chat_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  ref TEXT,
  body TEXT NOT NULL
);
INSERT INTO messaging_entries (chat_id, seq, kind, sender_id, at_us, messages, ref, body)
  SELECT chat_id, seq, kind, sender_id, at_us, messages, ref, body FROM messaging_entries_by_chat
  ORDER BY at_us, chat_id, seq;
DROP TABLE messaging_entries_by_chat;
CREATE UNIQUE INDEX messaging_entries_seq ON messaging_entries (chat_id, seq);
CREATE UNIQUE INDEX messaging_entries_ref ON messaging_entries (ref, sender_id, chat_id);

-- The entry that last changed who is in the chat: as long as it stays, so do the members.
ALTER TABLE messaging_chats ADD COLUMN members_seq INTEGER NOT NULL DEFAULT 0;
UPDATE messaging_chats SET members_seq = seq;
