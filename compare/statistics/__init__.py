"""Turns timed steps into intervals and verdicts, with pure functions."""
