"""Reads, checks and draws data and weights for both processes, in NumPy alone."""
