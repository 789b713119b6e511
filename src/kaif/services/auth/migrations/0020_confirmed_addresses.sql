-- An address is somebody's once they have confirmed it; until then any number of accounts may name it.
DROP INDEX auth_users_email;
CREATE UNIQUE INDEX auth_users_email ON auth_users (email) WHERE email_confirmed_at_us IS NOT NULL;
CREATE INDEX auth_users_any_email ON auth_users (email);
