"""The outside world behind small protocols; the scheme of a URL chooses the implementation."""
