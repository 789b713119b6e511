-- The durable log of events. Transactions commit in another order than they take ids, so a reader goes
-- by (tx, id) and stops before the oldest transaction that is still open: see engines/bus.
CREATE TABLE outbox (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tx BIGINT NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  body TEXT NOT NULL,
  at_us BIGINT NOT NULL
);
CREATE INDEX outbox_order ON outbox (tx, id);

-- How far each consumer has come, and which process reads for it now.
CREATE TABLE outbox_consumers (
  consumer TEXT PRIMARY KEY,
  tx BIGINT NOT NULL DEFAULT 0,
  id BIGINT NOT NULL DEFAULT 0,
  holder TEXT NOT NULL DEFAULT '',
  held_until_us BIGINT NOT NULL DEFAULT 0
);

-- Events that a consumer could not digest, kept until an operator decides.
CREATE TABLE outbox_parked (
  consumer TEXT NOT NULL,
  id BIGINT NOT NULL,
  name TEXT NOT NULL,
  key TEXT NOT NULL,
  body TEXT NOT NULL,
  error TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  parked_at_us BIGINT NOT NULL,
  PRIMARY KEY (consumer, id)
);
