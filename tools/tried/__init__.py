"""Times every form of the training step that was tried."""
