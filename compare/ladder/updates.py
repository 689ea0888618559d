"""Judges single updates from the side's own state, after any number of training steps.

In float32, two correct trainings diverge within a few steps, so a late step cannot be compared with the
oracle's own training. But a single update can be: the side returns its parameters and Adam's moments before
and after the update, and the oracle computes the same update from the state before it. A stopped training,
another learning rate, or gradients that are kept from an earlier step show in the first update that they
change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from compare.data.batches import Batch
from compare.ladder.differences import Arrays, compare_arrays
from compare.ladder.oracle import Oracle
from compare.ladder.tolerances import Tolerances
from compare.protocol import messages
from compare.records.parity import Difference
from lenet_spec import LeNetSpec

ORACLE = "oracle"
LATE_UPDATES = 12


@dataclass(frozen=True)
class Update:
    """The loss and logits from before one update, and the state after it. Arrays by canonical name."""

    parameters: Arrays
    first_moments: Arrays
    second_moments: Arrays
    loss: float = float("nan")
    logits: Arrays = field(default_factory=dict)


def update_of(arrays: Mapping[str, np.ndarray], spec: LeNetSpec, loss: float | None = None) -> Update:
    """Return the update in a worker's reply to `messages.Step` or `messages.State`."""
    groups: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        group, _, parameter = name.partition("/")
        groups.setdefault(group, {})[parameter] = array
    parameters, first, second = (
        in_order(groups.get(name, {}), spec) for name in ("parameters", "first_moments", "second_moments")
    )
    logits = {"logits": arrays["logits"]} if "logits" in arrays else {}
    return Update(parameters, first, second, float("nan") if loss is None else loss, logits)


def moments(group: str, state: Update) -> dict[str, dict[str, np.ndarray]]:
    """Return both moments as one group of arrays; no group if the trainer does not return moments."""
    kinds = {"first moment": state.first_moments, "second moment": state.second_moments}
    named = {f"{kind} of {name}": array for kind, arrays in kinds.items() for name, array in arrays.items()}
    return {group: named} if named else {}


def state_of(oracle: Oracle) -> Update:
    """Return the current state of the oracle's own training."""
    return Update(oracle.parameters(), oracle.first_moments, oracle.second_moments)


def in_order(arrays: Mapping[str, np.ndarray], spec: LeNetSpec) -> dict[str, np.ndarray]:
    """Return arrays in the order of computation, which is the spec's: safetensors sorts by size and name."""
    order = [*spec.parameter_shapes(), *spec.activation_shapes()]
    known = [name for name in order if name in arrays]
    return {name: arrays[name] for name in [*known, *(name for name in arrays if name not in known)]}


def late_differences(
    ask: Callable[[messages.Step | messages.State], Update],
    batches: Iterable[Batch],
    spec: LeNetSpec,
    own: Tolerances,
    *,
    label: str,
    steps_done: int,
) -> list[Difference]:
    """Return the worst difference of each kind, over one update for each batch.

    Return nothing if the side returns no moments. batches: the next batches of the worker's own stream.
    steps_done: the number of updates before. Stop after the first update that differs.
    """
    worst: dict[str, Difference] = {}
    before = ask(messages.State())
    if not before.first_moments:
        return []
    for step, batch in enumerate(batches, steps_done):
        made = ask(messages.Step())
        expected = oracle_update(spec, before, made, batch, step)
        for group, difference in compare_updates(label, made, expected, own, step).items():
            if group not in worst or sort_key(difference) > sort_key(worst[group]):
                worst[group] = difference
        if any(not difference.passed for difference in worst.values()):
            break
        before = made
    return list(worst.values())


def sort_key(difference: Difference) -> tuple[bool, float]:
    return not difference.passed, np.inf if difference.relative is None else difference.relative


def oracle_update(spec: LeNetSpec, before: Update, made: Update, batch: Batch, step: int) -> Update:
    """Return the oracle's update from the side's state before it. step: how many updates came before.

    Its parameters are computed from the side's own moments after the update. If a second moment is as small
    as Adam's epsilon, Adam magnifies rounding of the gradient into the parameters. That would hide the
    update.
    """
    oracle = Oracle(spec, before.parameters)
    oracle.updates = step
    for own, moments in (
        (oracle.first_moments, before.first_moments),
        (oracle.second_moments, before.second_moments),
    ):
        own |= {name: moments[name].astype(np.float64) for name in own}
    loss, logits, gradients = oracle.back_propagate(*batch)
    oracle.adam(gradients)
    parameters = {
        name: parameter.astype(np.float64) - adam_step(spec, made, name, step + 1)
        for name, parameter in before.parameters.items()
        if name in made.second_moments
    }
    return Update(parameters, oracle.first_moments, oracle.second_moments, loss, {"logits": logits})


def adam_step(spec: LeNetSpec, state: Update, name: str, t: int) -> np.ndarray:
    """Return the amount that update t subtracts from a parameter: see `Oracle.adam`."""
    adam = spec.adam
    rate = adam.learning_rate * np.sqrt(1 - adam.beta2**t) / (1 - adam.beta1**t)
    first, second = (one[name].astype(np.float64) for one in (state.first_moments, state.second_moments))
    step: np.ndarray = rate * first / (np.sqrt(second) + adam.epsilon_hat)
    return step


def compare_updates(
    label: str, made: Update, expected: Update, own: Tolerances, step: int
) -> dict[str, Difference]:
    """Return a difference for each kind of array. A loss, which may be near zero, is relative to ln 10."""

    def compared(group: str, left: Arrays, right: Arrays) -> Difference:
        pair = [{f"{name} at step {step}": array for name, array in one.items()} for one in (left, right)]
        found = compare_arrays(label, pair[0], ORACLE, pair[1], own[group].value)
        found.group = group
        return found

    guess = float(np.log(expected.logits["logits"].shape[1]))
    losses = [{"loss": np.array([one.loss, guess])} for one in (made, expected)]
    return {
        "late_loss": compared("late_loss", losses[0], losses[1]),
        "late_logits": compared("late_logits", made.logits, expected.logits),
        "late_moments": compared("late_moments", *(moments("late", one)["late"] for one in (made, expected))),
        "late_parameters": compared("late_parameters", made.parameters, expected.parameters),
    }
