"""The rule that a side's own steps follow is named, and no other rule."""

import numpy as np
import pytest

from compare.task.rules import RULES, Slots, Steps, best_rule, numbers_of

NUMBERS = {
    "rate": 0.01,
    "momentum": 0.9,
    "dampening": 0.5,
    "beta1": 0.9,
    "beta2": 0.999,
    "epsilon": 1e-4,
    "rho": 0.9,
    "accumulator": 0.1,
}


def history(name: str, decay: float = 0.0, coupled: bool = False) -> Steps:
    """Return three steps of the rule on gradients of many sizes."""
    random = np.random.default_rng(0)
    rule = next(one for one in RULES if one.name == name)
    start = random.standard_normal(50)
    p, after, slots = start, [], Slots()
    gradients = [random.standard_normal(50) * 10.0 ** random.integers(-4, 1, 50) for _ in range(3)]
    for t, gradient in enumerate(gradients, start=1):
        kept = p if coupled else p * (1 - NUMBERS["rate"] * decay)
        p = rule.update(kept, gradient + (decay * p if coupled else 0), slots, t, NUMBERS)
        after.append(p)
    return Steps(start, after, gradients, decay)


@pytest.mark.parametrize("name", [rule.name for rule in RULES if "rate inside" not in rule.name])
def test_each_rule_is_told_from_all_others(name: str) -> None:
    """Three steps identify every rule except momentum with the rate inside, which needs a new rate."""
    assert best_rule([history(name)], [NUMBERS] * 3)[0] == name


def test_momentum_with_the_rate_inside_is_told_by_a_change_of_rate() -> None:
    """Keras's and torch's forms of momentum agree at one rate, and differ when the rate changes."""
    rates = [0.01, 0.01, 0.001]
    random = np.random.default_rng(0)
    start = p = random.standard_normal(20)
    gradients = [random.standard_normal(20) for _ in rates]
    velocity, after = np.zeros(20), []
    for rate, gradient in zip(rates, gradients, strict=True):
        velocity = 0.9 * velocity - rate * gradient
        p = p + velocity
        after.append(p)
    name, error = best_rule([Steps(start, after, gradients)], [{**NUMBERS, "rate": rate} for rate in rates])
    assert (name, error < 1e-12) == ("SGD with momentum, the rate inside", True)


@pytest.mark.parametrize(("coupled", "words"), [(True, "coupled decay"), (False, "decoupled decay")])
def test_a_decay_is_told_by_where_it_acts(coupled: bool, words: str) -> None:
    """A decay is named as coupled (inside the gradient) or decoupled."""
    steps = history("Adam with epsilon after the bias correction", decay=0.1, coupled=coupled)
    name, _ = best_rule([steps], [NUMBERS] * 3)
    assert name == f"Adam with epsilon after the bias correction, {words}"


def test_steps_that_follow_no_rule_are_not_given_one() -> None:
    """Steps that fit no rule give an unknown rule, even if one rule is closest."""
    steps = history("plain SGD")
    noisy = Steps(steps.start, [one + 0.01 * one**2 for one in steps.after], steps.gradients)
    assert best_rule([noisy], [NUMBERS] * 3)[0] == "an unknown rule"


def test_torchs_names_for_numbers_are_understood() -> None:
    """torch's betas, alpha and eps are read as two betas, rho and epsilon."""
    found = numbers_of({"betas": [0.8, 0.9], "eps": 1e-8, "alpha": 0.99}, 0.1)
    assert found["beta2"] == 0.9
    assert (found["epsilon"], found["rho"], found["rate"]) == (1e-8, 0.99, 0.1)
