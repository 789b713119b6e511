-- Sign-ins by password that have not succeeded (yet), counted for each subject: an account in a network, an account, a network.
-- Who is meant is sealed: what people type as their name may be a password.
CREATE TABLE auth_attempts (
  subject TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_us BIGINT NOT NULL
);
CREATE INDEX auth_attempts_age ON auth_attempts (last_us);
