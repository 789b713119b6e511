-- Every file that messaging has media hold, by the name under which it does (hold): one for each message, or for a
-- message that waits to be sent. chat_id and seq say where it is shown, empty and 0 for nowhere. A hold that nothing
-- uses has a row of messaging_due, of its own name, and then is 'leaving' instead of 'held' from the moment on which
-- nothing can use it any more. ready is what media has said of the file since it was asked for it.
CREATE TABLE messaging_attachments (
  hold TEXT NOT NULL,
  place BIGINT NOT NULL,
  media_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  chat_id TEXT NOT NULL,
  seq BIGINT NOT NULL,
  state TEXT NOT NULL,
  ready TEXT NOT NULL,
  PRIMARY KEY (hold, place)
);
CREATE INDEX messaging_attachments_media ON messaging_attachments (media_id, chat_id, seq);
CREATE INDEX messaging_attachments_chat ON messaging_attachments (chat_id, seq) WHERE chat_id <> '';
CREATE INDEX messaging_attachments_kind ON messaging_attachments (chat_id, kind, seq) WHERE chat_id <> '';

-- Files of what was reported stay as long as the report is not decided, whatever becomes of the message.
CREATE TABLE messaging_evidence_files (
  report_id TEXT NOT NULL,
  hold TEXT NOT NULL,
  media_id TEXT NOT NULL,
  PRIMARY KEY (report_id, hold, media_id)
);
CREATE INDEX messaging_evidence_files_hold ON messaging_evidence_files (hold);
CREATE INDEX messaging_evidence_files_media ON messaging_evidence_files (media_id);
