"""Signing in elsewhere by an account here: an OpenID Connect provider."""
