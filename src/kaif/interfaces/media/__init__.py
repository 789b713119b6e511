"""What media promises about files: their owner has them, and nobody sees one who may not."""
