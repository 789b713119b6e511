-- 1 while an operator wants the event tried again, by whichever process reads for the consumer.
ALTER TABLE outbox_parked ADD COLUMN retry_asked INTEGER NOT NULL DEFAULT 0;
