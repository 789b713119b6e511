-- Rights are sets of bits (services/messaging/rights.py). default_rights is what members may do, in a group that says
-- nothing else; a chat that is deleted keeps its row until what was in it has been swept.
ALTER TABLE messaging_chats ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE messaging_chats ADD COLUMN name TEXT;
ALTER TABLE messaging_chats ADD COLUMN default_rights BIGINT NOT NULL DEFAULT 31;
ALTER TABLE messaging_chats ADD COLUMN slow_mode_s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_chats ADD COLUMN members_hidden BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_chats ADD COLUMN signed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_chats ADD COLUMN deleted_at_us BIGINT NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX messaging_chats_name ON messaging_chats (name);

-- rights are an admin's chosen ones; taken are those that a restriction takes, until a time or (0) until it is lifted.
ALTER TABLE messaging_members ADD COLUMN rights BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_members ADD COLUMN taken BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messaging_members ADD COLUMN taken_until_us BIGINT NOT NULL DEFAULT 0;
-- When the person last wrote there, for slow mode.
ALTER TABLE messaging_members ADD COLUMN sent_at_us BIGINT NOT NULL DEFAULT 0;
-- A few among perhaps many thousands: the owner and the admins.
CREATE INDEX messaging_members_staff ON messaging_members (chat_id, role) WHERE role <> 'member';

CREATE TABLE messaging_bans (
  chat_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  banned_by TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  PRIMARY KEY (chat_id, user_id)
);
CREATE INDEX messaging_bans_user ON messaging_bans (user_id);
