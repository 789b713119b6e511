-- Whoever may post in a channel and delete what others posted could always put other words in the place of theirs: they
-- have the right to edit it.
UPDATE messaging_members SET rights = rights | 1024
WHERE role = 'admin' AND (rights & 65) = 65
  AND EXISTS (SELECT 1 FROM messaging_chats c WHERE c.id = messaging_members.chat_id AND c.kind = 'channel');
