"""Pure functions from timed steps to intervals and verdicts."""
