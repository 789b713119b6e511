-- What messaging needs to know of people, kept up to date by auth's events.
CREATE TABLE messaging_people (
  id TEXT PRIMARY KEY,
  username TEXT NOT NULL,
  display_name TEXT NOT NULL
);

-- seq counts entries, messages counts those entries that are messages: unread counts come from the latter.
-- once is what makes a creation repeatable: the two people of a direct chat, or a creator's reference.
CREATE TABLE messaging_chats (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  creator_id TEXT NOT NULL,
  once TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  active_at_us INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  members INTEGER NOT NULL
);
CREATE UNIQUE INDEX messaging_chats_once ON messaging_chats (once);

CREATE TABLE messaging_members (
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  role TEXT NOT NULL,
  read_seq INTEGER NOT NULL,
  read_messages INTEGER NOT NULL,
  PRIMARY KEY (chat_id, user_id)
) WITHOUT ROWID;
CREATE INDEX messaging_members_user ON messaging_members (user_id);

-- The log. messages is the number of messages up to and with this entry.
CREATE TABLE messaging_entries (
  chat_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  sender_id TEXT NOT NULL,
  at_us INTEGER NOT NULL,
  messages INTEGER NOT NULL,
  ref TEXT,
  body TEXT NOT NULL,
  PRIMARY KEY (chat_id, seq)
) WITHOUT ROWID;
-- With references that rise with time, as our clients make them, a batch touches one page of this index for each chat.
CREATE UNIQUE INDEX messaging_entries_ref ON messaging_entries (chat_id, ref, sender_id);
