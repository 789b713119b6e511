-- What bots offer after a slash: the whole list is set at once, `place` is its order.
CREATE TABLE messaging_commands (
  bot_id TEXT NOT NULL,
  name TEXT NOT NULL,
  place BIGINT NOT NULL,
  ru TEXT NOT NULL,
  en TEXT NOT NULL,
  PRIMARY KEY (bot_id, name)
);

-- Which members are bots: chats may be large, and bots are few.
ALTER TABLE messaging_members ADD COLUMN bot INTEGER NOT NULL DEFAULT 0;
CREATE INDEX messaging_members_bots ON messaging_members (chat_id, user_id) WHERE bot = 1;

-- How many presses of its buttons a bot has had: the number of the newest.
CREATE TABLE messaging_bots (
  bot_id TEXT PRIMARY KEY,
  callbacks BIGINT NOT NULL
);

-- Presses of buttons, for the bot alone, numbered without gaps. `answer` is what it said, once it has.
CREATE TABLE messaging_callbacks (
  bot_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  id TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  user_id TEXT NOT NULL,
  ref TEXT NOT NULL,
  data TEXT NOT NULL,
  at_us BIGINT NOT NULL,
  answer TEXT,
  PRIMARY KEY (bot_id, number)
);
CREATE UNIQUE INDEX messaging_callbacks_id ON messaging_callbacks (id);
CREATE UNIQUE INDEX messaging_callbacks_ref ON messaging_callbacks (user_id, ref);
