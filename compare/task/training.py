"""Defines rungs 7 to 9: one step, many steps, and evaluation after them."""

from __future__ import annotations

import math

import numpy as np

from compare.numbers import count, format_percent
from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Leaf, Tensor
from compare.records.task import TaskRung
from compare.task.closeness import LATER, STEPS, Comparison, Limits, compare, of_gradients
from compare.task.evidence import Climber, Evidence
from compare.task.rows import failed, row
from compare.task.side import Arrays
from compare.task.step_hints import step_hints
from compare.task.words import tensor_in_words

PLAIN_RATE = 1e-3
DECIDED = 0.05  # relative movement of a tensor by rounding alone, from which rounding decides a training
SAME_RATE = {"float64": 1e-12, "float32": 1e-6}  # relative: Keras holds its rate in the run's dtype
ADAPTIVE = ("Adam", "RMSprop", "Adagrad", "Nadam", "Adadelta", "Lamb", "Ftrl")


def one_step(climber: Climber) -> TaskRung:
    """Compare parameters, running statistics and optimizer state after one step of the declared optimizer."""
    evidence = climber.twice(messages.TaskTrain(1))
    compared = compare_after(climber, evidence, STEPS[climber.dtype], adaptive=is_adaptive(climber))
    notes = bessel_notes(evidence)
    rung = row(climber, ("7", "one step"), evidence, compared, notes)
    first = compared.first_failing
    if first is not None:
        rung.hints += step_hints(climber, first.tensor)
    return rung


def is_adaptive(climber: Climber) -> bool:
    return any(str(side.manifest.optimizer.get("name")).startswith(ADAPTIVE) for side in climber.sides)


def compare_after(climber: Climber, evidence: Evidence, limits: Limits, *, adaptive: bool) -> Comparison:
    """Compare each parameter's change, running statistics after Bessel's correction, and optimizer slots.

    An adaptive rule divides a gradient by its own size, so that rounding gives whole steps of either sign:
    then leave out gradients that are zero, and in float32 all parameters. float64 proves their steps.
    """
    sides = [changes(climber, one, place) for place, one in enumerate((evidence.left, evidence.right))]
    moves = [changes(climber, one, place, moved=True) for place, one in enumerate(evidence.moved)]
    if adaptive:
        sides = [{t: a for t, a in one.items() if not follows_rounding(climber, t)} for one in sides]
    order = [*sides[0], *(one for one in sides[1] if one not in sides[0] and one.role != "slot")]
    order = [one for one in order if one.role != "slot" or one in sides[1]]
    rounding = {
        tensor: float(np.spacing(np.abs(climber.weights[tensor]).max()))
        for tensor in order
        if tensor in climber.weights
    }
    moved = moves[0], moves[1]
    own = of_gradients(limits, climber.dtype, climber.examples)
    return compare(sides[0], sides[1], moved, own, order=order, rounding=rounding)


def follows_rounding(climber: Climber, tensor: Tensor) -> bool:
    pair = climber.pair(tensor.path)
    trained = tensor.role == "weight" and pair is not None and tensor.name not in pair[0].states
    return climber.is_zero(tensor) or (trained and climber.dtype != "float64")


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
    """Convert torch's running variance, of unbiased batch variances, into Keras's, of biased ones.

    running = kept · before + (1 - kept) · variance · n / (n - 1) at each call in `tensor.call` steps, with
    the same n, so that the whole sum scales.
    """
    momentum = leaf.settings.get("momentum")
    if tensor.name != "moving_variance" or leaf.settings.get("running variance") != "unbiased":
        return after
    if momentum is None or leaf.input is None or np.array_equal(after, before):  # equal: the layer is frozen
        return after
    values = math.prod(leaf.input) // after.size
    kept = momentum ** (tensor.call * leaf.calls) * before
    return np.asarray((after - kept) * (values - 1) / values + kept)


def bessel_notes(evidence: Evidence) -> list[str]:
    """Return a note on how far the running variances differ without Bessel's correction."""
    raw = [
        float(np.max(np.abs(array - evidence.right[tensor]) / np.max(np.abs(array))))
        for tensor, array in evidence.left.items()
        if tensor.role == "weight" and tensor.name == "moving_variance" and tensor in evidence.right
    ]
    if not raw or max(raw) < 1e-12:
        return []
    return [
        (
            f"running variances differ by up to {max(raw):.1e}: torch divides by n - 1, Keras by n. They "
            "are compared after conversion, because the frameworks define them differently"
        )
    ]


def steps(climber: Climber, rung_id: str) -> TaskRung:
    """Compare losses, and final parameters. 8a: with plain SGD; 8b: with the declared optimizer."""
    plain = PLAIN_RATE if rung_id == "8a" else None
    count = climber.task.steps
    evidence = climber.twice(messages.TaskTrain(count, plain))
    name = f"{count} {'plain SGD' if plain else 'declared'} steps"
    left, right = (numbers["rates"] for numbers in evidence.numbers)
    for step, (own, other) in enumerate(zip(left, right, strict=True)):
        if (
            own is not None
            and other is not None
            and abs(own - other) > SAME_RATE[climber.dtype] * abs(own)
            and not climber.accepted("rate")
        ):
            reason = f"the rate of step {step} is {own:.9g} in tf, {other:.9g} in torch"
            return failed(rung_id, name, reason, f"rate of step {step}", ["is the schedule one step off?"])
    compared = compare_losses(climber, evidence)
    adaptive = plain is None and is_adaptive(climber)
    after = compare_after(climber, evidence, LATER[climber.dtype], adaptive=adaptive)
    notes = drop_what_rounding_decides(climber, after)
    compared.found += [one for one in after.found if one.tensor.role != "slot"]
    notes += diverged_notes(compared)
    rung = row(climber, (rung_id, name), evidence, compared, notes)
    if rung_id == "8b":
        climber.trained = evidence
        first = compared.first_failing
        rung.hints += step_hints(climber, first.tensor) if first else []
    return rung


def drop_what_rounding_decides(climber: Climber, compared: Comparison) -> list[str]:
    """Drop all tensors of a float32 training that amplifies rounding too much; return a note on it.

    Two correct trainings then differ as much as a correct and a wrong one. float64 proves these steps.
    """
    most = max(compared.found, key=lambda one: one.moved, default=None)
    if climber.dtype == "float64" or most is None or most.moved <= DECIDED:
        return []
    compared.found = []
    return [
        (
            f"one unit in the last place of the weights changes {tensor_in_words(most.tensor)} by "
            f"{format_percent(most.moved, 0)}: in {climber.dtype} only losses can be compared; float64 "
            "proves these steps"
        )
    ]


def diverged_notes(compared: Comparison) -> list[str]:
    found = [tensor_in_words(one.tensor) for one in compared.found if one.diverged]
    if not found:
        return []
    more = f" and {count(len(found) - 1, 'more tensor')}" if found[1:] else ""
    return [
        (
            f"both trainings diverge: in {found[0]}{more}, values that are not finite are not compared. "
            "To compare them, lower the rate or `steps`"
        )
    ]


def compare_losses(climber: Climber, evidence: Evidence) -> Comparison:
    tensor = Tensor("loss", "losses", "")
    one = [{tensor: np.asarray(n["losses"])} for n in (*evidence.numbers, *evidence.moved_numbers)]
    if climber.accepted("loss"):
        return Comparison()
    return compare(one[0], one[1], (one[2], one[3]), LATER[climber.dtype])


def evaluation(climber: Climber) -> TaskRung:
    """Compare outputs after training, each side at its own weights, with corrected variances."""
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
    compared = compare(taps[0], taps[1], after.moved, LATER[climber.dtype], order=[*taps[climber.reference]])
    notes = [*drop_what_rounding_decides(climber, compared), *diverged_notes(compared)]
    notes += bessel_notes(evidence)
    return row(climber, ("9", "evaluation after training"), after, compared, notes)


def trained_weights(climber: Climber, arrays: Arrays, place: int, *, moved: bool) -> Arrays:
    start = climber.moved_weights if moved else climber.weights
    found: Arrays = {}
    for tensor, array in arrays.items():
        pair = climber.pair(tensor.path)
        weight = Tensor("weight", tensor.path, tensor.name)
        if tensor.role == "weight" and pair is not None and weight in start:
            found[weight] = corrected(pair[place], tensor, array, start[weight]).astype(climber.dtype)
    return found
