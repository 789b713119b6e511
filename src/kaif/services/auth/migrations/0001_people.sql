CREATE TABLE auth_users (
  id TEXT PRIMARY KEY,
  username TEXT NOT NULL,
  email TEXT NOT NULL,
  display_name TEXT NOT NULL,
  role TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  created_at_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX auth_users_username ON auth_users (username);
CREATE UNIQUE INDEX auth_users_email ON auth_users (email);

-- One row for ever: who set the server up. Its key makes a second set-up impossible.
CREATE TABLE auth_setup (
  id INTEGER PRIMARY KEY,
  user_id TEXT NOT NULL
);

-- The words by which a person is found: the username and the words of the name, in small letters.
CREATE TABLE auth_words (
  word TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (word, user_id)
);

CREATE TABLE auth_sessions (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  refresh_hash TEXT NOT NULL,
  created_at_us INTEGER NOT NULL,
  refreshed_at_us INTEGER NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX auth_sessions_token ON auth_sessions (refresh_hash);
CREATE INDEX auth_sessions_user ON auth_sessions (user_id);
CREATE INDEX auth_sessions_expiry ON auth_sessions (expires_at_us);

-- Sessions that ended while an access token of theirs could still be good.
CREATE TABLE auth_ended_sessions (
  session_id TEXT PRIMARY KEY,
  ended_at_us INTEGER NOT NULL
);
