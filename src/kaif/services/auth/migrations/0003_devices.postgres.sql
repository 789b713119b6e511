-- Where a session was opened.
ALTER TABLE auth_sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN device_kind TEXT NOT NULL DEFAULT 'other';
ALTER TABLE auth_sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN device_was_new INTEGER NOT NULL DEFAULT 0;

-- Devices on which an account has signed in, each by its name and its part of the network.
CREATE TABLE auth_known_devices (
  user_id TEXT NOT NULL,
  device TEXT NOT NULL,
  network TEXT NOT NULL,
  seen_at_us BIGINT NOT NULL,
  PRIMARY KEY (user_id, device, network)
);

ALTER TABLE auth_users ADD COLUMN suspended_at_us BIGINT;
