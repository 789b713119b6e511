"""Wallets of Ethereum and TON as a way in."""
