"""What OAuth 2 and OpenID Connect ask of both sides: of us, and of the services we sign in by."""
