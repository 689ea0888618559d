"""What all tests share: how many examples hypothesis draws."""

import os

from hypothesis import settings

# The normal run draws the same examples each time; `make fuzz` draws new ones.
settings.register_profile("normal", max_examples=300, deadline=None, derandomize=True)
settings.register_profile("fuzz", max_examples=10_000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "normal"))
