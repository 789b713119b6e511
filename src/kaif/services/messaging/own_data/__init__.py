"""What messaging holds about a person: as files, and erased."""
