"""What the services promise one another: one file each."""
