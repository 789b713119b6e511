-- The words by which people are found among the members of a chat: the username and the words of the name, in small
-- letters. worded are those that stand in the table, empty until they do; people of before are caught up with by and by.
CREATE TABLE messaging_people_words (
  word TEXT COLLATE "C" NOT NULL,
  user_id TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (word, user_id)
);
ALTER TABLE messaging_people ADD COLUMN worded TEXT NOT NULL DEFAULT '';
CREATE INDEX messaging_people_unworded ON messaging_people (id) WHERE worded = '';
