"""What the parent and a worker say to each other, and how it travels."""
