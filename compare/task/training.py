"""Rungs 3b and 7 to 9: initialisers, one step, many steps, and evaluation after them."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np

from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Leaf, Tensor
from compare.records.task import TaskRung
from compare.task import rules
from compare.task.closeness import STEPS, Comparison, compare
from compare.task.evidence import Climber, Evidence
from compare.task.rungs import failed, row
from compare.task.side import Arrays

PLAIN_RATE = 1e-3
KEPT_STEPS = 3  # enough to tell momentum from none, and one bias correction from another
ADAPTIVE = ("Adam", "RMSprop", "Adagrad", "Nadam", "Adadelta", "Lamb", "Ftrl")
SEEDS = 2


def initialisers(climber: Climber) -> TaskRung:
    """Each side's own initial weights, as distributions. A warning, never a failure."""
    left, right = climber.both(lambda side: side.ask(messages.TaskInitial(SEEDS)))
    groups: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for tensor, own in left.items():
        pair, other = climber.pair(tensor.path), right.get(tensor)
        if pair is None or other is None or climber.accepted(tensor.path, tensor.name):
            continue
        count = SEEDS * math.prod(pair[0].tensors[tensor.name])
        if unlike(own, other, count):
            groups[(pair[0].kind, tensor.name)].append((spread(own), spread(other)))
    notes = [
        f"{name} of {len(found)} {kind}: tf starts with a spread of {found[0][0]:.3g}, "
        f"torch of {found[0][1]:.3g}"
        for (kind, name), found in groups.items()
    ]
    return TaskRung("3b", "initialisers", "pass", compared=len(left), notes=notes)


def spread(rows: np.ndarray) -> float:
    """Root mean square over the seeds; for a constant its value."""
    return float(np.sqrt(np.mean(rows[:, 1] ** 2 + rows[:, 0] ** 2)))


def unlike(own: np.ndarray, other: np.ndarray, count: int) -> bool:
    """Six standard errors of the logarithm of a standard deviation, and 2 % more."""
    one, two = spread(own), spread(other)
    if min(one, two) == 0 or count == 0:
        return one != two
    return abs(math.log(one / two)) > 6 / math.sqrt(2 * count) + 0.02


def one_step(climber: Climber) -> TaskRung:
    """Parameters, running statistics and the optimizer's memory after one step of the declared optimizer."""
    evidence = climber.twice(messages.TaskTrain(1))
    compared = compare_after(climber, evidence, adaptive=is_adaptive(climber))
    notes = bessel_notes(evidence)
    rung = row(climber, ("7", "one step"), evidence, compared, notes)
    first = compared.first_failing
    if first is not None:
        rung.hints += step_hints(climber, first.tensor)
    return rung


def is_adaptive(climber: Climber) -> bool:
    return any(str(side.manifest.optimizer.get("name")).startswith(ADAPTIVE) for side in climber.sides)


def compare_after(climber: Climber, evidence: Evidence, *, adaptive: bool) -> Comparison:
    """By how much each parameter has changed, state after the Bessel rule, and slots."""
    sides = [changes(climber, one, place) for place, one in enumerate((evidence.left, evidence.right))]
    moves = [changes(climber, one, place, moved=True) for place, one in enumerate(evidence.moved)]
    if adaptive:  # noise divided by its own size: whole steps of either sign
        sides = [{t: a for t, a in one.items() if not is_zero(climber, t)} for one in sides]
    order = [*sides[0], *(one for one in sides[1] if one not in sides[0] and one.role != "slot")]
    order = [one for one in order if one.role != "slot" or one in sides[1]]
    return compare(sides[0], sides[1], (moves[0], moves[1]), STEPS[climber.dtype], order=order)


def is_zero(climber: Climber, tensor: Tensor) -> bool:
    return (tensor.path, tensor.name.partition(" ")[0]) in climber.zeros


def changes(climber: Climber, arrays: Arrays, place: int, *, moved: bool = False) -> Arrays:
    start = climber.moved_weights if moved else climber.weights
    found: Arrays = {}
    for tensor, array in climber.judged(arrays, "weight", "slot").items():
        if tensor.role == "slot":
            found[tensor] = array
            continue
        weight = Tensor("weight", tensor.path, tensor.name)
        pair = climber.pair(tensor.path)
        assert pair is not None
        before = start[weight]
        after = corrected(pair[place], tensor, array, before)
        found[weight] = after - before
    return found


def corrected(leaf: Leaf, tensor: Tensor, after: np.ndarray, before: np.ndarray) -> np.ndarray:
    """torch keeps the unbiased variance of a batch, Keras the biased one: torch's as Keras would have it.

    running = kept · before + (1 - kept) · variance · n / (n - 1) at each of `tensor.call` steps, with the
    same n, so that the whole sum scales.
    """
    momentum = leaf.settings.get("momentum")
    if tensor.name != "moving_variance" or leaf.settings.get("running variance") != "unbiased":
        return after
    if momentum is None or leaf.input is None or leaf.calls != 1:
        return after
    values = math.prod(leaf.input) // after.size
    kept = momentum**tensor.call * before
    return np.asarray((after - kept) * (values - 1) / values + kept)


def bessel_notes(evidence: Evidence) -> list[str]:
    """Say how far the running variances differ as they stand, as the frameworks define them."""
    raw = [
        float(np.max(np.abs(array - evidence.right[tensor]) / np.max(np.abs(array))))
        for tensor, array in evidence.left.items()
        if tensor.role == "weight" and tensor.name == "moving_variance" and tensor in evidence.right
    ]
    if not raw or max(raw) < 1e-12:
        return []
    return [
        (
            f"running variances differ by up to {max(raw):.1e}: torch divides by n - 1, Keras by n. Judged "
            "after that rule; it is how the frameworks define them"
        )
    ]


def step_hints(climber: Climber, tensor: Tensor) -> list[str]:
    """Each side's rule and numbers, and what a layer has twice on one side."""
    hints = []
    pair = climber.pair(tensor.path)
    if pair is not None and pair[0].settings.get("biases") != pair[1].settings.get("biases"):
        counts = [leaf.settings.get("biases") for leaf in pair]
        hints.append(
            f"tf has {counts[0]} bias, torch {counts[1]} (bias_ih and bias_hh), which add up: both get the "
            "whole gradient, so their sum moves twice as far. Freeze one of them, at zero"
        )
    if tensor.name in ("moving_mean", "moving_variance") and pair is not None:
        own, other = (leaf.settings for leaf in pair)
        hints += [
            f"{name} {own[name]} in tf, {other[name]} in torch"
            for name in ("momentum",)
            if own[name] != other[name]
        ]
        return hints
    found = rules_that_fit(climber)
    hints += [f"{side.framework}: {text}" for side, text in zip(climber.sides, found, strict=True)]
    decays = [side.numbers.get("decays", {}) for side in climber.sides]
    rates = [
        decay.get(f"{side.own_paths.get(tensor.path, '')}/{tensor.name}")
        for decay, side in zip(decays, climber.sides, strict=True)
    ]
    if rates[0] != rates[1]:
        hints.append(f"weight decay of {tensor.path}/{tensor.name}: {rates[0]} in tf, {rates[1]} in torch")
    return hints


def rules_that_fit(climber: Climber) -> tuple[str, str]:
    """By side, the rule in words, with its numbers."""
    evidence = climber.twice(messages.TaskTrain(KEPT_STEPS, keep=KEPT_STEPS), (climber.weights,) * 2)
    found = []
    for side, arrays, numbers in zip(
        climber.sides, (evidence.left, evidence.right), evidence.numbers, strict=True
    ):
        side.numbers = numbers
        history = histories(climber, arrays, numbers, side.own_paths)
        own = rules.numbers_of(numbers["rule"], numbers["rates"][0])
        name, _ = rules.best_rule(history, numbers["rates"], own)
        found.append(f"{name} ({in_words(own)})")
    return found[0], found[1]


def in_words(numbers: Mapping[str, Any]) -> str:
    shown = ("rate", "momentum", "beta1", "beta2", "epsilon", "rho", "weight_decay")
    return ", ".join(
        f"{name} {numbers[name]:g}" for name in shown if isinstance(numbers.get(name), int | float)
    )


def histories(
    climber: Climber, arrays: Arrays, numbers: Mapping[str, Any], own_paths: Mapping[str, str]
) -> list[rules.Steps]:
    """Each parameter's own steps; those whose gradient is zero within rounding tell nothing."""
    found = []
    for weight, start in climber.weights.items():
        gradients = [
            arrays.get(Tensor("kept gradient", weight.path, weight.name, t)) for t in range(KEPT_STEPS)
        ]
        after = [arrays.get(Tensor("kept weight", weight.path, weight.name, t)) for t in range(KEPT_STEPS)]
        if is_zero(climber, weight) or climber.accepted(weight.path, weight.name):
            continue
        if all(one is not None for one in (*gradients, *after)):
            sample = start.reshape(-1)[: len(after[0])].astype(np.float64)  # type: ignore[arg-type]
            decay = numbers["decays"].get(f"{own_paths.get(weight.path, '')}/{weight.name}", 0.0)
            wide = [[np.asarray(one, np.float64) for one in group] for group in (after, gradients)]
            found.append(rules.Steps(sample, wide[0], wide[1], decay))
    return found


def steps(climber: Climber, rung_id: str) -> TaskRung:
    """Losses, and parameters at the end. 8a: plain SGD, the model and its loss alone; 8b: as declared."""
    plain = PLAIN_RATE if rung_id == "8a" else None
    count = climber.task.steps
    evidence = climber.twice(messages.TaskTrain(count, plain))
    name = f"{count} {'plain SGD' if plain else 'declared'} steps"
    left, right = (numbers["rates"] for numbers in evidence.numbers)
    for step, (own, other) in enumerate(zip(left, right, strict=True)):
        if (
            own is not None
            and other is not None
            and abs(own - other) > 1e-12 * abs(own)
            and not climber.accepted("rate")
        ):
            reason = f"the rate of step {step} is {own:.9g} in tf, {other:.9g} in torch"
            return failed(rung_id, name, reason, f"rate of step {step}", ["is the schedule one step off?"])
    compared = compare_losses(climber, evidence)
    after = compare_after(climber, evidence, adaptive=plain is None and is_adaptive(climber))
    compared.found += [one for one in after.found if one.tensor.role != "slot"]
    rung = row(climber, (rung_id, name), evidence, compared)
    if rung_id == "8b":
        climber.trained = evidence
        first = compared.first_failing
        rung.hints += step_hints(climber, first.tensor) if first else []
    return rung


def compare_losses(climber: Climber, evidence: Evidence) -> Comparison:
    tensor = Tensor("loss", "losses", "")
    one = [{tensor: np.asarray(n["losses"])} for n in (*evidence.numbers, *evidence.moved_numbers)]
    if climber.accepted("loss"):
        return Comparison()
    return compare(one[0], one[1], (one[2], one[3]), STEPS[climber.dtype])


def evaluation(climber: Climber) -> TaskRung:
    """Compare outputs after training, each side at its own weights, variances after Bessel's rule."""
    evidence = climber.trained
    assert evidence is not None
    states = [
        trained_weights(climber, arrays, place, moved=moved)
        for moved, pair in ((False, (evidence.left, evidence.right)), (True, evidence.moved))
        for place, arrays in enumerate(pair)
    ]

    def ask(place: int) -> list[Arrays]:
        found = []
        for weights in (states[place], states[place + 2]):
            climber.sides[place].load(weights)
            found.append(climber.sides[place].ask(messages.TaskForward(training=False, batch=1)))
        return found

    left, right = (one.result() for one in [climber.pool.submit(ask, place) for place in (0, 1)])
    after = Evidence(left[0], right[0], (left[1], right[1]))
    taps = [climber.judged(one, "tap") for one in (after.left, after.right)]
    compared = compare(taps[0], taps[1], after.moved, STEPS[climber.dtype], order=[*taps[climber.reference]])
    return row(climber, ("9", "evaluation after training"), after, compared, bessel_notes(evidence))


def trained_weights(climber: Climber, arrays: Arrays, place: int, *, moved: bool) -> Arrays:
    start = climber.moved_weights if moved else climber.weights
    found: Arrays = {}
    for tensor, array in arrays.items():
        pair = climber.pair(tensor.path)
        weight = Tensor("weight", tensor.path, tensor.name)
        if tensor.role == "weight" and pair is not None and weight in start:
            found[weight] = corrected(pair[place], tensor, array, start[weight]).astype(climber.dtype)
    return found
