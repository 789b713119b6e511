-- Why those who handle reports have closed the chat to everybody: a reason of a report, empty where they have not.
ALTER TABLE messaging_chats ADD COLUMN suspended TEXT NOT NULL DEFAULT '';
