"""Programs elsewhere: what they post here, and what they are called about."""
