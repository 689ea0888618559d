"""Derives verdicts, warnings and parity from a run's raw samples, each time that they are needed."""
