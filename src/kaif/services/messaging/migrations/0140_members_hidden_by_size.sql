-- Groups of more than a thousand hide who is in them unless their owner decides otherwise: 0 is by how many they are, 1
-- hidden, 2 shown. Those that show so many already go on doing so.
UPDATE messaging_chats SET members_hidden = 2 WHERE kind = 'group' AND members_hidden = 0 AND members > 1000;
