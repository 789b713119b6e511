"""Commands and buttons of bots."""
