"""What a run's raw samples say: verdicts, warnings and parity, worked out whenever they are needed."""
