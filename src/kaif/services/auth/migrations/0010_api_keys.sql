-- Keys by which programs act for their owners. Of a key only its SHA-256 is kept, and its last four characters to know
-- it by. Scopes, and the networks that it has been used from, are separated by spaces.
CREATE TABLE auth_api_keys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  key_hash TEXT NOT NULL UNIQUE,
  ending TEXT NOT NULL,
  name TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL,
  used_at_us INTEGER,
  used_from TEXT NOT NULL DEFAULT '',
  networks TEXT NOT NULL DEFAULT ''
);
CREATE INDEX auth_api_keys_user ON auth_api_keys (user_id);
