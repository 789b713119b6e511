-- Programs with accounts of their own: one row in auth_users as for people, of another kind, and who answers for it.
ALTER TABLE auth_users ADD COLUMN kind TEXT NOT NULL DEFAULT 'person';

CREATE TABLE auth_bots (
  user_id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL,
  made_at_us BIGINT NOT NULL
);
CREATE INDEX auth_bots_owner ON auth_bots (owner_id, user_id);
