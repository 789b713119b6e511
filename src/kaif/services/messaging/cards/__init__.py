"""Polls, places and contacts: messages that carry more than words."""
