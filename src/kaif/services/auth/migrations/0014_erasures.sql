-- Receipts: whose data it was is said nowhere.
CREATE TABLE auth_erasures (
  id TEXT PRIMARY KEY,
  asked_at_us INTEGER NOT NULL
);

CREATE TABLE auth_erased (
  erasure_id TEXT NOT NULL,
  holder TEXT NOT NULL,
  erased TEXT NOT NULL,
  erased_at_us INTEGER NOT NULL,
  PRIMARY KEY (erasure_id, holder)
);
