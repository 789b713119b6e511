-- References rise with time where clients make them so: a batch then writes to the end of the index.
DROP INDEX messaging_entries_ref;
CREATE UNIQUE INDEX messaging_entries_ref ON messaging_entries (ref, sender_id, chat_id);

-- The entry that last changed who is in the chat: as long as it stays, so do the members.
ALTER TABLE messaging_chats ADD COLUMN members_seq BIGINT NOT NULL DEFAULT 0;
UPDATE messaging_chats SET members_seq = seq;
