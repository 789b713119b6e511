-- How many of a hundred parts of the step that is under way are done, for operators.
ALTER TABLE media_jobs ADD COLUMN progress BIGINT NOT NULL DEFAULT 0;
