"""Starts, limits and ends the parent's worker processes."""
