"""Controls one run in the parent: trains the launches, keeps their results, and compares them."""
