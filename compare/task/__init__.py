"""The parent's side of the ladder for a porter's own network. Uses the standard library and NumPy."""
