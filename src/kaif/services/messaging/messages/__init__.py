"""Messages that stand in a log: how they are shown, marked up, changed and dated."""
