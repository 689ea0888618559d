"""The harness measured against itself: a variant beside itself, and beside itself slowed down."""
