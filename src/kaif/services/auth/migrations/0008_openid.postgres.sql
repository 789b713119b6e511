-- Applications that people may sign in to with their account here. `redirect_uris` and `scopes` are separated by spaces;
-- `secret_hash` is empty for those that can keep no secret.
CREATE TABLE auth_applications (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  redirect_uris TEXT NOT NULL,
  scopes TEXT NOT NULL,
  id_token_algorithm TEXT NOT NULL,
  homepage TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  changed_at_us BIGINT NOT NULL,
  secret_renewed_at_us BIGINT
);

-- What people have allowed.
CREATE TABLE auth_consents (
  user_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  allowed_at_us BIGINT NOT NULL,
  used_at_us BIGINT NOT NULL,
  PRIMARY KEY (user_id, application_id)
);
CREATE INDEX auth_consents_application ON auth_consents (application_id);

-- A spent code stays for a while, so that its second use is noticed; `grant_id` is what the first one gave.
CREATE TABLE auth_codes (
  code_hash TEXT PRIMARY KEY,
  grant_id TEXT NOT NULL,
  application_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  redirect_uri TEXT NOT NULL,
  scopes TEXT NOT NULL,
  nonce TEXT NOT NULL,
  code_challenge TEXT NOT NULL,
  authenticated_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL,
  spent_at_us BIGINT
);
CREATE INDEX auth_codes_person ON auth_codes (user_id, application_id);
CREATE INDEX auth_codes_application ON auth_codes (application_id);
CREATE INDEX auth_codes_expiry ON auth_codes (expires_at_us);

-- The family of tokens that one code gave; `refresh_hash` is that of the current refresh token, if it has any.
CREATE TABLE auth_application_grants (
  id TEXT PRIMARY KEY,
  application_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  refresh_hash TEXT NOT NULL,
  authenticated_at_us BIGINT NOT NULL,
  created_at_us BIGINT NOT NULL,
  refreshed_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL
);
CREATE INDEX auth_application_grants_person ON auth_application_grants (user_id, application_id);
CREATE INDEX auth_application_grants_application ON auth_application_grants (application_id);
CREATE INDEX auth_application_grants_expiry ON auth_application_grants (expires_at_us);

CREATE TABLE auth_application_tokens (
  token_hash TEXT PRIMARY KEY,
  grant_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  scopes TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  expires_at_us BIGINT NOT NULL
);
CREATE INDEX auth_application_tokens_person ON auth_application_tokens (user_id);
CREATE INDEX auth_application_tokens_grant ON auth_application_tokens (grant_id);
CREATE INDEX auth_application_tokens_expiry ON auth_application_tokens (expires_at_us);

-- Keys that sign ID tokens, from `signs_from_us` until that of the next of the same algorithm.
CREATE TABLE auth_id_token_keys (
  algorithm TEXT NOT NULL,
  number BIGINT NOT NULL,
  kid TEXT NOT NULL UNIQUE,
  public_key TEXT NOT NULL,
  sealed_key TEXT NOT NULL,
  created_at_us BIGINT NOT NULL,
  signs_from_us BIGINT NOT NULL,
  PRIMARY KEY (algorithm, number)
);
