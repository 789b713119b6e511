"""What slows whoever guesses: delays, puzzles, and the notice of attacks."""
