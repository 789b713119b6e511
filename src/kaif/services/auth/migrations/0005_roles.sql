-- The names of a person's roles beside that of a member, separated by spaces and in order; few people have any.
ALTER TABLE auth_users ADD COLUMN roles TEXT NOT NULL DEFAULT '';
UPDATE auth_users SET roles = role WHERE role <> 'member';
ALTER TABLE auth_users DROP COLUMN role;
CREATE INDEX auth_users_roles ON auth_users (roles) WHERE roles <> '';

-- When what the person may do last changed.
ALTER TABLE auth_users ADD COLUMN permitted_at_us BIGINT NOT NULL DEFAULT 0;
CREATE INDEX auth_users_permitted ON auth_users (permitted_at_us) WHERE permitted_at_us > 0;

-- The server's own roles; the built-in ones are in the program. Permissions are separated by spaces.
CREATE TABLE auth_roles (
  name TEXT PRIMARY KEY,
  permissions TEXT NOT NULL
);
