"""Sessions: how they are opened, renewed, shown and ended."""
