-- The days of the week on which quiet hours begin: Monday is the lowest of seven bits.
ALTER TABLE messaging_push_settings ADD COLUMN quiet_days BIGINT NOT NULL DEFAULT 127;
