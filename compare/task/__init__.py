"""The ladder for a porter's own network: the parent's side. Standard library and NumPy."""
