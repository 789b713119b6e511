"""What runs: commands, settings, and compose, the only place that knows everything."""
