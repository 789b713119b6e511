-- When the person last proved who they are in this session, by more than holding its tokens.
ALTER TABLE auth_sessions ADD COLUMN authenticated_at_us INTEGER NOT NULL DEFAULT 0;
UPDATE auth_sessions SET authenticated_at_us = created_at_us;

-- Codes from an app that count. `last_step` is the time step of the newest code that was accepted.
CREATE TABLE auth_totp (
  user_id TEXT PRIMARY KEY,
  sealed_secret TEXT NOT NULL,
  last_step INTEGER NOT NULL,
  since_us INTEGER NOT NULL
);

-- Secrets that were shown and not yet confirmed by a code: they count for nothing.
CREATE TABLE auth_totp_begun (
  user_id TEXT PRIMARY KEY,
  sealed_secret TEXT NOT NULL
);

CREATE TABLE auth_recovery_codes (
  user_id TEXT NOT NULL,
  code_hash TEXT NOT NULL,
  PRIMARY KEY (user_id, code_hash)
);

-- Sign-ins whose password was right and whose second step is still to come.
CREATE TABLE auth_challenges (
  token_hash TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  tries INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX auth_challenges_user ON auth_challenges (user_id);
CREATE INDEX auth_challenges_expiry ON auth_challenges (expires_at_us);

-- Guesses that were made for an account since `since_us`, whatever challenge or session they came by.
CREATE TABLE auth_tries (
  user_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  tries INTEGER NOT NULL,
  since_us INTEGER NOT NULL,
  PRIMARY KEY (user_id, purpose)
);
