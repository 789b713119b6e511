-- Pictures of people, as auth tells of them, and of groups and channels: ids of media files. What media holds for a
-- chat's picture is among messaging_attachments, at the place 0 of the chat, where no message is.
ALTER TABLE messaging_people ADD COLUMN avatar TEXT;
ALTER TABLE messaging_chats ADD COLUMN avatar TEXT;
