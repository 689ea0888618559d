"""What was tried for the fastest eager form of each framework on a CPU, each step of the way measured."""
