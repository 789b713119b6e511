-- Indexes of the logs, made from them and always able to be made again: one that is complete answers ("current"), another
-- may be on its way to take its place ("building").
CREATE TABLE messaging_indexes (
  name TEXT PRIMARY KEY,
  state TEXT NOT NULL,
  made_at_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX messaging_indexes_state ON messaging_indexes (state);

-- How far each index has come in each log. What lies behind the mark is in the index for good.
CREATE TABLE messaging_index_marks (
  name TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (name, chat_id)
) WITHOUT ROWID;
