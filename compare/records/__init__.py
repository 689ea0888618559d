"""Everything that is written and read back, as types."""
