-- One row: who may make an account, "open", "invitation" or "closed".
CREATE TABLE auth_registration (
  id INTEGER PRIMARY KEY,
  mode TEXT NOT NULL
);
INSERT INTO auth_registration (id, mode) VALUES (1, 'open');

-- A usable token is the id with its seal, and the key of the seal is not here. `email` and `role` are empty for an
-- invitation that is for anybody, as a member.
CREATE TABLE auth_invitations (
  id TEXT PRIMARY KEY,
  made_by TEXT NOT NULL,
  note TEXT NOT NULL,
  email TEXT NOT NULL,
  role TEXT NOT NULL,
  uses INTEGER NOT NULL,
  uses_max INTEGER NOT NULL,
  made_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  revoked_at_us BIGINT
);

-- Since when the account opens no session before it has a new password.
ALTER TABLE auth_users ADD COLUMN reset_required_at_us BIGINT;

-- Operators look at a time of the log.
CREATE INDEX auth_audit_at ON auth_audit (at_us);

-- Operators find people by the beginning of an address.
CREATE INDEX auth_users_email_prefix ON auth_users (email text_pattern_ops);
