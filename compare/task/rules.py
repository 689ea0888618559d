"""Computes optimizers' rules in NumPy, to name the rule that a side's own steps follow.

Each rule is tried on the side's own gradients, without a model, so a rule fits up to rounding or not at all.
Sources: the update steps in each framework's documentation (keras.io/api/optimizers,
pytorch.org/docs/stable/optim.html).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FITS = 1e-8  # relative to the step's size; float32 constants in float64 are wrong by 1e-8 to 1e-5
Numbers = Mapping[str, Any]
Slots = dict[str, np.ndarray]  # the rule's state
Update = Callable[[np.ndarray, np.ndarray, Slots, int, Numbers], np.ndarray]


@dataclass(frozen=True)
class Rule:
    """An update rule. update(parameter, gradient, slots, step from 1, numbers) returns the new parameter."""

    name: str
    update: Update
    family: str  # the name of the framework's optimizer class


def plain(p: np.ndarray, g: np.ndarray, _slots: Slots, _t: int, n: Numbers) -> np.ndarray:
    return np.asarray(p - n["rate"] * g)


def momentum(p: np.ndarray, g: np.ndarray, slots: Slots, _t: int, n: Numbers) -> np.ndarray:
    """Apply momentum as torch does, with the rate outside the sum."""
    slots["m"] = n["momentum"] * slots.get("m", np.zeros_like(p)) + g
    return np.asarray(p - n["rate"] * slots["m"])


def momentum_inside(p: np.ndarray, g: np.ndarray, slots: Slots, _t: int, n: Numbers) -> np.ndarray:
    """Apply momentum as Keras does, with the rate inside the sum: a new rate affects only new gradients."""
    slots["m"] = n["momentum"] * slots.get("m", np.zeros_like(p)) - n["rate"] * g
    return np.asarray(p + slots["m"])


def dampened(p: np.ndarray, g: np.ndarray, slots: Slots, _t: int, n: Numbers) -> np.ndarray:
    share = 1 - n.get("dampening", n["momentum"])
    slots["m"] = g if "m" not in slots else n["momentum"] * slots["m"] + share * g
    return np.asarray(p - n["rate"] * slots["m"])


def nesterov(p: np.ndarray, g: np.ndarray, slots: Slots, _t: int, n: Numbers) -> np.ndarray:
    slots["m"] = n["momentum"] * slots.get("m", np.zeros_like(p)) + g
    return np.asarray(p - n["rate"] * (g + n["momentum"] * slots["m"]))


def moments(g: np.ndarray, slots: Slots, n: Numbers) -> tuple[np.ndarray, np.ndarray]:
    zero = np.zeros_like(g)
    slots["m"] = n["beta1"] * slots.get("m", zero) + (1 - n["beta1"]) * g
    slots["v"] = n["beta2"] * slots.get("v", zero) + (1 - n["beta2"]) * g * g
    return slots["m"], slots["v"]


def adam_outside(p: np.ndarray, g: np.ndarray, slots: Slots, t: int, n: Numbers) -> np.ndarray:
    """Apply Adam as TensorFlow and Keras do: Kingma and Ba, arXiv:1412.6980, end of section 2."""
    m, v = moments(g, slots, n)
    rate = n["rate"] * np.sqrt(1 - n["beta2"] ** t) / (1 - n["beta1"] ** t)
    return np.asarray(p - rate * m / (np.sqrt(v) + n["epsilon"]))


def adam_inside(p: np.ndarray, g: np.ndarray, slots: Slots, t: int, n: Numbers) -> np.ndarray:
    """Apply Adam as torch does: algorithm 1 of the same paper."""
    m, v = moments(g, slots, n)
    root = np.sqrt(v / (1 - n["beta2"] ** t))
    return np.asarray(p - n["rate"] * (m / (1 - n["beta1"] ** t)) / (root + n["epsilon"]))


def rmsprop(inside: bool) -> Update:
    def update(p: np.ndarray, g: np.ndarray, slots: Slots, _t: int, n: Numbers) -> np.ndarray:
        slots["v"] = n["rho"] * slots.get("v", np.zeros_like(p)) + (1 - n["rho"]) * g * g
        root = np.sqrt(slots["v"] + n["epsilon"]) if inside else np.sqrt(slots["v"]) + n["epsilon"]
        step = g / root
        if n.get("momentum"):
            slots["m"] = step = n["momentum"] * slots.get("m", np.zeros_like(p)) + step
        return np.asarray(p - n["rate"] * step)

    return update


def adagrad(inside: bool) -> Update:
    def update(p: np.ndarray, g: np.ndarray, slots: Slots, _t: int, n: Numbers) -> np.ndarray:
        slots["s"] = slots.get("s", np.full_like(p, n.get("accumulator", 0.0))) + g * g
        root = np.sqrt(slots["s"] + n["epsilon"]) if inside else np.sqrt(slots["s"]) + n["epsilon"]
        return np.asarray(p - n["rate"] * g / root)

    return update


RULES = (
    Rule("plain SGD", plain, "SGD"),
    Rule("SGD with momentum", momentum, "SGD"),
    Rule("SGD with momentum, the rate inside", momentum_inside, "SGD"),
    Rule("SGD with Nesterov momentum", nesterov, "SGD"),
    Rule("SGD with dampened momentum", dampened, "SGD"),
    Rule("Adam with epsilon outside the bias correction", adam_outside, "Adam"),
    Rule("Adam with epsilon after the bias correction", adam_inside, "Adam"),
    Rule("RMSprop with epsilon inside the root", rmsprop(inside=True), "RMSprop"),
    Rule("RMSprop with epsilon outside the root", rmsprop(inside=False), "RMSprop"),
    Rule("Adagrad with epsilon inside the root", adagrad(inside=True), "Adagrad"),
    Rule("Adagrad with epsilon outside the root", adagrad(inside=False), "Adagrad"),
)

DECAYS = ("", "coupled decay", "decoupled decay")

OWN_NAMES = {
    "beta_1": "beta1", "beta_2": "beta2", "eps": "epsilon", "alpha": "rho",
    "initial_accumulator_value": "accumulator",
}  # fmt: skip


def numbers_of(rule: Numbers, rate: float) -> dict[str, Any]:
    """Return a framework's numbers under the names of this module."""
    found = {OWN_NAMES.get(name, name): value for name, value in rule.items()}
    if isinstance(found.get("betas"), list | tuple):
        found["beta1"], found["beta2"] = found["betas"]
    return found | {"rate": rate}


@dataclass(frozen=True)
class Steps:
    """One tensor's history, flat: its values at the start and after each step, its gradients and decay."""

    start: np.ndarray
    after: Sequence[np.ndarray]
    gradients: Sequence[np.ndarray]
    decay: float = 0.0


def fit(steps: Steps, rule: Rule, decay: str, numbers: Sequence[Numbers]) -> float:
    """Return the rule's largest error on these gradients, relative to the largest change of each step."""
    slots: Slots = {}
    p, worst = steps.start, 0.0
    for t, (gradient, after, own) in enumerate(
        zip(steps.gradients, steps.after, numbers, strict=False), start=1
    ):
        g = gradient + steps.decay * p if decay == "coupled decay" else gradient
        kept = p * (1 - own["rate"] * steps.decay) if decay == "decoupled decay" else p
        new = rule.update(kept, g, slots, t, own)
        size = float(np.abs(after - p).max())
        worst = max(worst, float(np.abs(new - after).max()) / size if size else 0.0)
        p = after
    return worst


def best_rule(history: Sequence[Steps], numbers: Sequence[Numbers]) -> tuple[str, float]:
    """Return the rule that fits the side's own steps best, in words, and its error.

    numbers: the optimizer's own at each step, under this module's names. Do not try a rule that needs other
    numbers.
    """
    if not history:
        return "an optimizer that holds none of these parameters", float("inf")
    tried: list[tuple[float, str]] = []
    for rule in RULES:
        for decay in DECAYS if any(one.decay for one in history) else ("",):
            try:
                with np.errstate(all="ignore"):
                    error = max(fit(one, rule, decay, numbers) for one in history)
            except KeyError:
                continue
            if np.isfinite(error):
                tried.append((error, ", ".join(filter(None, (rule.name, decay)))))
    if not tried:
        return "an unknown rule", float("inf")
    error, name = min(tried, key=lambda one: one[0])
    return (name, error) if error <= FITS else ("an unknown rule", error)
