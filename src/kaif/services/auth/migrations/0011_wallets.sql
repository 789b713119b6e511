-- Addresses whose keys open accounts. `address` is in the form by which it is compared: with its checksum on Ethereum,
-- raw on TON.
CREATE TABLE auth_wallets (
  id TEXT PRIMARY KEY,
  user_id TEXT NOT NULL,
  chain TEXT NOT NULL,
  address TEXT NOT NULL,
  linked_at_us INTEGER NOT NULL,
  used_at_us INTEGER,
  UNIQUE (chain, address)
);
CREATE INDEX auth_wallets_user ON auth_wallets (user_id);

-- What wallets are still to sign. `user_id` is empty where nobody is known yet; `address` and `message` where the wallet
-- says the one and makes the other.
CREATE TABLE auth_wallet_nonces (
  nonce_hash TEXT PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT NOT NULL,
  chain TEXT NOT NULL,
  address TEXT NOT NULL,
  message TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX auth_wallet_nonces_expiry ON auth_wallet_nonces (expires_at_us);

-- Wallets that have signed and have no account yet.
CREATE TABLE auth_wallet_tickets (
  ticket_hash TEXT PRIMARY KEY,
  chain TEXT NOT NULL,
  address TEXT NOT NULL,
  expires_at_us INTEGER NOT NULL
);
CREATE INDEX auth_wallet_tickets_expiry ON auth_wallet_tickets (expires_at_us);
