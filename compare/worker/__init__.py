"""The child process: it serves one framework, and imports none of the parent's modules."""
