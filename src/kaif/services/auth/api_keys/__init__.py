"""Keys by which programs act for people."""
