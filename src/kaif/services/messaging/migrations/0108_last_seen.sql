-- When people were last connected, by the word of gateways: when they leave, and every few minutes while they are here.
CREATE TABLE messaging_last_seen (
  user_id TEXT PRIMARY KEY,
  at_us BIGINT NOT NULL
);
