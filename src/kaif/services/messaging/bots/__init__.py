"""Commands of bots, and what happens when somebody presses their buttons."""
