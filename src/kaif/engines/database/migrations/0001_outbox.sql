-- The durable log of events. On SQLite one writer commits at a time, so ids are in the order of commits.
CREATE TABLE outbox (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  tx INTEGER NOT NULL DEFAULT 0,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  body TEXT NOT NULL,
  at_us INTEGER NOT NULL
);

-- How far each consumer has come, and which process reads for it now.
CREATE TABLE outbox_consumers (
  consumer TEXT PRIMARY KEY,
  tx INTEGER NOT NULL DEFAULT 0,
  id INTEGER NOT NULL DEFAULT 0,
  holder TEXT NOT NULL DEFAULT '',
  held_until_us INTEGER NOT NULL DEFAULT 0
);

-- Events that a consumer could not digest, kept until an operator decides.
CREATE TABLE outbox_parked (
  consumer TEXT NOT NULL,
  id INTEGER NOT NULL,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  body TEXT NOT NULL,
  error TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  parked_at_us INTEGER NOT NULL,
  PRIMARY KEY (consumer, id)
);
