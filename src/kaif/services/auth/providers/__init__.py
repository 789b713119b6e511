"""Signing in by services elsewhere: Google, GitHub, VK ID, and any issuer of OpenID Connect."""
