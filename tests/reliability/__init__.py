"""Runs that are cut off, taken up again, and held against runs that were not."""
