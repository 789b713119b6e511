-- What could not be taken away before waits behind what nobody has tried yet.
DROP INDEX media_garbage_due;
CREATE INDEX media_garbage_due ON media_garbage (taken, due_at_us);
