"""What a CDN may hold: links for all who may see it in the same minutes, and how it is taken back."""
