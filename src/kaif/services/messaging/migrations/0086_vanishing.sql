-- How long messages stay in the chat, in seconds; 0 for good. Which of them are to go, and when, stands in messaging_due.
ALTER TABLE messaging_chats ADD COLUMN vanish_after_s BIGINT NOT NULL DEFAULT 0;
