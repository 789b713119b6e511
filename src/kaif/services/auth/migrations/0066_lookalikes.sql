-- What usernames look like, one account for each: kaif.kernel.lookalikes makes the same of a name. Of those that looked
-- alike before this table the oldest has the look.
CREATE TABLE auth_looks (
  skeleton TEXT PRIMARY KEY,
  user_id TEXT NOT NULL
);
CREATE INDEX auth_looks_user ON auth_looks (user_id);
INSERT INTO auth_looks (skeleton, user_id)
SELECT REPLACE(REPLACE(REPLACE(username, '0', 'o'), '1', 'l'), 'm', 'rn'), MIN(id) FROM auth_users
WHERE deleted_at_us IS NULL GROUP BY 1;
