"""Accounts: how they come to be, what their owners change in them, and what their rows say."""
