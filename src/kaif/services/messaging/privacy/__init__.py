"""Who may reach whom, and what one sees of another."""
