"""Mistakes that a port can hold, each of which the ladder must catch."""
