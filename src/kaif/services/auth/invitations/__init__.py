"""Who may make an account: the mode of registration, and invitations."""
