"""The harness: proves that both implementations compute the same numbers, then times them."""
