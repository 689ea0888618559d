"""The harness: it proves that both implementations compute the same, then times them."""
