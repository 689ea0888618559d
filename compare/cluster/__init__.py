"""Runs `--cluster`: trains each seed of a run as a whole on one node of a Ray cluster."""
