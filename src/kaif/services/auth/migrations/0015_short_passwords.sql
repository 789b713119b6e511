-- Shorter than a password must be that is all there is: good only beside a second factor.
ALTER TABLE auth_users ADD COLUMN short_password INTEGER NOT NULL DEFAULT 0;
