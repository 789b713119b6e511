-- What authenticators know an account by: random, so that it tells nothing of the person.
CREATE TABLE auth_user_handles (
  user_id TEXT PRIMARY KEY,
  handle TEXT NOT NULL UNIQUE
);

-- `sign_count` is the authenticator's own count of its signatures, 0 where it keeps none; `cloned_at_us` is when
-- that count went back, after which the passkey proves nothing.
CREATE TABLE auth_passkeys (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  credential_id TEXT NOT NULL UNIQUE,
  public_key TEXT NOT NULL,
  sign_count INTEGER NOT NULL,
  transports TEXT NOT NULL,
  backup_eligible INTEGER NOT NULL,
  backed_up INTEGER NOT NULL,
  aaguid TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  last_used_at_us INTEGER,
  cloned_at_us INTEGER
);
CREATE INDEX auth_passkeys_user ON auth_passkeys (user_id);

-- Challenges that authenticators are still to sign. `user_id` is empty where nobody is known yet.
CREATE TABLE auth_ceremonies (
  challenge_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX auth_ceremonies_expiry ON auth_ceremonies (expires_at_us);
