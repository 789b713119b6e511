-- Pictures of pages that media keeps for us, each under its own id; `page` is the hash under which what the page says is
-- kept. Of those that are leaving media is told, and nothing comes to show them any more.
CREATE TABLE messaging_preview_pictures (
  media_id TEXT PRIMARY KEY,
  page TEXT NOT NULL,
  leaving BIGINT NOT NULL
);

-- Messages whose previews show one.
CREATE TABLE messaging_previews_shown (
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  media_id TEXT NOT NULL,
  PRIMARY KEY (chat_id, seq)
);
CREATE INDEX messaging_previews_shown_media ON messaging_previews_shown (media_id);
