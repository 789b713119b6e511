"""Passkeys (WebAuthn level 3): how they are made, and how they sign in."""
