"""Second factors: apps and recovery codes, who needs them, and when people have to prove themselves again."""
