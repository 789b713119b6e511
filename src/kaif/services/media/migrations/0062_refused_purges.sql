-- Why the CDN could not be told the last time; and whether an operator has it told now, however long it was to wait.
ALTER TABLE media_cdn ADD COLUMN error TEXT NOT NULL DEFAULT '';
ALTER TABLE media_cdn ADD COLUMN hurried BIGINT NOT NULL DEFAULT 0;
