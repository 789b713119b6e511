-- Whether browsers play a film as it was sent, which its upload found out: then it is copied rather than encoded.
ALTER TABLE media_objects ADD COLUMN as_sent TEXT NOT NULL DEFAULT '';
