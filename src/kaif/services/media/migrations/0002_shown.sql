-- What is known of a picture, film or sound, as JSON; nothing of other files. `problem` is why it could not be made.
ALTER TABLE media_objects ADD COLUMN shown TEXT NOT NULL DEFAULT '';
ALTER TABLE media_objects ADD COLUMN problem TEXT NOT NULL DEFAULT '';
ALTER TABLE media_objects ADD COLUMN progress BIGINT NOT NULL DEFAULT 0;
-- Of sounds that are voice messages.
ALTER TABLE media_objects ADD COLUMN voice BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media_uploads ADD COLUMN voice BIGINT NOT NULL DEFAULT 0;
