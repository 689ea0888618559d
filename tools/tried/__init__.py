"""Every form of the training step that was tried, timed."""
