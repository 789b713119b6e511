"""Files handed out: to whom, by which links, and as what."""
