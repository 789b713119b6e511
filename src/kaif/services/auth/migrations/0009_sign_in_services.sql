-- Services elsewhere whose word of who somebody is we take. `sealed_secret` is empty for a public client.
CREATE TABLE auth_providers (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  client_id TEXT NOT NULL,
  sealed_secret TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  created_at_us INTEGER NOT NULL
);
CREATE UNIQUE INDEX auth_providers_client ON auth_providers (issuer, client_id);

-- Who somebody is there: `subject` never changes and is nobody else's, `label` is only shown.
CREATE TABLE auth_identities (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  label TEXT NOT NULL,
  linked_at_us INTEGER NOT NULL,
  last_used_at_us INTEGER
);
CREATE UNIQUE INDEX auth_identities_subject ON auth_identities (provider_id, subject);
CREATE UNIQUE INDEX auth_identities_user ON auth_identities (user_id, provider_id);

-- Browsers that are at a provider's just now. `user_id` is empty where nobody is known yet. The code verifier and the
-- nonce follow from the state by a key that is not here.
CREATE TABLE auth_authorizations (
  state_hash TEXT PRIMARY KEY,
  secret_hash TEXT NOT NULL,
  purpose TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX auth_authorizations_expiry ON auth_authorizations (expires_at_us);

-- Who has come from a provider and is still to choose a username here.
CREATE TABLE auth_newcomers (
  ticket_hash TEXT PRIMARY KEY,
  provider_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  label TEXT NOT NULL,
  verified_email TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX auth_newcomers_expiry ON auth_newcomers (expires_at_us);
