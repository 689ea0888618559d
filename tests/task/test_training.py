"""What is compared after training: torch's running variance as Keras would have it."""

import numpy as np
import pytest

from compare.protocol.task_messages import Leaf, Tensor
from compare.task.training import corrected


@pytest.mark.parametrize("calls", [1, 2])
def test_the_unbiased_variance_is_turned_into_the_biased_one(calls: int) -> None:
    """For a norm that is called once in a step, or twice, as in a network of twins."""
    random = np.random.default_rng(0)
    settings = {"momentum": 0.9, "running variance": "unbiased"}
    leaf = Leaf("norm", "batch_norm", settings, calls=calls, input=[6, 3])
    before = random.random(3)
    biased, unbiased = before, before
    for _ in range(2 * calls):  # two steps
        batch = random.standard_normal((6, 3))
        biased = 0.9 * biased + 0.1 * batch.var(axis=0)
        unbiased = 0.9 * unbiased + 0.1 * batch.var(axis=0, ddof=1)
    found = corrected(leaf, Tensor("weight", "norm", "moving_variance", 2), unbiased, before)
    np.testing.assert_allclose(found, biased, rtol=1e-14)
