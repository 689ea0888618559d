"""Data-parallel training with both frameworks' own engines: proved, taken apart by cost, and killed."""
