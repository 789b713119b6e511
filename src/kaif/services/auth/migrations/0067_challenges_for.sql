-- What a challenge is for: "sign_in" or "step_up". Those that are under way live five minutes, and begin anew.
DELETE FROM auth_challenges;
ALTER TABLE auth_challenges ADD COLUMN purpose TEXT NOT NULL DEFAULT 'sign_in';
