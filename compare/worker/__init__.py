"""The child process: it serves one framework, and imports nothing that is the parent's."""
