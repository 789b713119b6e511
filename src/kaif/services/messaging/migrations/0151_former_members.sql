-- Who wrote in a group or channel that they are no longer in: so that they can take along what they said there, which
-- stands up to seq. title is what it was called when they went. Who has come back stands here too, and is in it again.
CREATE TABLE messaging_former_members (
  user_id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  title TEXT NOT NULL,
  seq BIGINT NOT NULL,
  PRIMARY KEY (user_id, chat_id)
);
CREATE INDEX messaging_former_members_chat ON messaging_former_members (chat_id, user_id);
INSERT INTO messaging_former_members (user_id, chat_id, title, seq)
SELECT e.sender_id, e.chat_id, c.title, MAX(e.seq) FROM messaging_entries e
JOIN messaging_chats c ON c.id = e.chat_id AND c.deleted_at_us = 0 AND c.kind IN ('group', 'channel')
JOIN messaging_people p ON p.id = e.sender_id AND p.username <> 'deleted-' || p.id
WHERE e.kind = 'message'
  AND NOT EXISTS (SELECT 1 FROM messaging_members m WHERE m.chat_id = e.chat_id AND m.user_id = e.sender_id)
GROUP BY e.sender_id, e.chat_id, c.title;
