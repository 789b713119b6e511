-- The picture of a person or bot, as everyone here sees it: the id of a media file.
ALTER TABLE auth_users ADD COLUMN avatar TEXT;

-- Every file that auth has media hold, by the name under which it does. A row stands here before media is asked, and is
-- shown once it is somebody's picture; what is let go has none.
CREATE TABLE auth_avatars (
  hold TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  media_id TEXT NOT NULL,
  asked_at_us BIGINT NOT NULL,
  shown BIGINT NOT NULL
);
CREATE INDEX auth_avatars_user ON auth_avatars (user_id);
