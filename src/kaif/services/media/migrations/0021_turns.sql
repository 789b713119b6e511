-- Whose turn it is among those whose files wait with one priority: given when a job is added, so that nobody has to count
-- all that wait to find the next one. What waited already goes first, in the order in which it came.
ALTER TABLE media_jobs ADD COLUMN owner_id TEXT NOT NULL DEFAULT '';
ALTER TABLE media_jobs ADD COLUMN turn BIGINT NOT NULL DEFAULT 0;
UPDATE media_jobs SET owner_id = COALESCE((SELECT o.owner_id FROM media_objects o WHERE o.id = media_jobs.media_id), '');
DROP INDEX media_jobs_next;
CREATE INDEX media_jobs_next ON media_jobs (parked_at_us, priority, turn, due_at_us);
CREATE INDEX media_jobs_of_owner ON media_jobs (owner_id, priority, turn);
