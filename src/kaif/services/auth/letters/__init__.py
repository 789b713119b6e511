"""Letters: how they are worded, which links they carry, and the digests of what was missed."""
