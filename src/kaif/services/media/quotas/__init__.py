"""How much people may keep: what operators set, and what that makes for each person."""
