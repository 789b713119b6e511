"""Work on files in the background: which step comes next, and how it survives whatever happens."""
