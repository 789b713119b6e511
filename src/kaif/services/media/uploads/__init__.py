"""How files come in: piece by piece, looked at and scanned before they are files."""
