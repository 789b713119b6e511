ALTER TABLE auth_users ADD COLUMN email_confirmed_at_us BIGINT;
ALTER TABLE auth_users ADD COLUMN language TEXT NOT NULL DEFAULT 'en';
ALTER TABLE auth_users ADD COLUMN password_changed_at_us BIGINT;
-- Who left keeps a row without a name, so that what they wrote still has an author.
ALTER TABLE auth_users ADD COLUMN deleted_at_us BIGINT;

-- Links in letters, each good once. A usable token is the id with its seal, and the key of the seal is not here.
CREATE TABLE auth_links (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  purpose TEXT NOT NULL,
  email TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL
);
-- A newer link takes the place of the older one.
CREATE UNIQUE INDEX auth_links_user ON auth_links (user_id, purpose);
CREATE INDEX auth_links_expiry ON auth_links (expires_at_us);
