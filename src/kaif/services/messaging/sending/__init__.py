"""How messages get their places: batches that become durable together, bounds on how fast, and the news of them."""
