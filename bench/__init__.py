"""Measures Kaif Ozero side by side with other stacks on one machine; run it by `make bench`."""
