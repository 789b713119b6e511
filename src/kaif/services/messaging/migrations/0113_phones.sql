-- By which service a device is told: "web" is a browser's own, others are those of phones' makers, who read what they
-- bring. `previews`: whether what was written may go that way.
ALTER TABLE messaging_push_subscriptions ADD COLUMN service TEXT NOT NULL DEFAULT 'web';
ALTER TABLE messaging_push_subscriptions ADD COLUMN previews BIGINT NOT NULL DEFAULT 1;
