"""What both processes know of data and weights, in NumPy alone."""
