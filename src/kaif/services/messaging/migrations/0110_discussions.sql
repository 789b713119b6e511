-- Where comments on a channel's posts go.
CREATE TABLE messaging_discussions (
  channel_id TEXT PRIMARY KEY,
  group_id TEXT NOT NULL,
  open BIGINT NOT NULL
);
CREATE UNIQUE INDEX messaging_discussions_group ON messaging_discussions (group_id);

-- Whether answers in the group may be comments: 1 since it was first linked.
ALTER TABLE messaging_chats ADD COLUMN threads BIGINT NOT NULL DEFAULT 0;

-- The thread of a post in a group: root_seq is where the post stands there.
CREATE TABLE messaging_threads (
  chat_id TEXT NOT NULL,
  root_seq BIGINT NOT NULL,
  channel_id TEXT NOT NULL,
  post_seq BIGINT NOT NULL,
  comments BIGINT NOT NULL,
  PRIMARY KEY (chat_id, root_seq)
);
CREATE UNIQUE INDEX messaging_threads_post ON messaging_threads (channel_id, post_seq, chat_id);

-- The messages of each thread, its root too: whatever answers one of them is in it as well.
CREATE TABLE messaging_thread_entries (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  root_seq BIGINT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
CREATE INDEX messaging_thread_entries_root ON messaging_thread_entries (chat_id, root_seq, seq);
