"""Explains why a step differs: gives each side's update rule in words, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Tensor
from compare.task import rules
from compare.task.closeness import constant_ratio
from compare.task.evidence import Climber, Evidence
from compare.task.side import Arrays

KEPT_STEPS = 3  # enough to distinguish momentum from none, and the bias corrections from each other


def step_hints(climber: Climber, tensor: Tensor) -> list[str]:
    """Return each side's rule and numbers, and other causes such as a layer's second bias on one side."""
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
    evidence = climber.twice(messages.TaskTrain(KEPT_STEPS, keep=KEPT_STEPS), (climber.weights,) * 2)
    found = rules_that_fit(climber, evidence)
    hints += [f"{side.framework}: {text}" for side, text in zip(climber.sides, found, strict=True)]
    names = {text.partition(" (")[0] for text in found}
    if len(names) == 2 and names <= {rule.name for rule in rules.RULES}:
        hints.append("the rules differ: see docs/any_network.md, under Optimizers that differ")
    decays = [side.numbers.get("decays", {}) for side in climber.sides]
    rates = [
        decay.get(f"{side.own_paths.get(tensor.path, '')}/{tensor.name}")
        for decay, side in zip(decays, climber.sides, strict=True)
    ]
    whole = f"{tensor.path}/{tensor.name}"
    if None in rates and rates != [None, None]:
        hints.append(f"{('tf', 'torch')[rates.index(None)]}'s optimizer does not hold {whole}")
    elif rates[0] != rates[1]:
        hints.append(f"weight decay of {whole}: {rates[0]} in tf, {rates[1]} in torch")
    return [*hints, *clipping_hints(climber, evidence, tensor), *repeated_rows(climber, tensor)]


def clipping_hints(climber: Climber, evidence: Evidence, tensor: Tensor) -> list[str]:
    """Say what part of the loss's gradient each rule is given, if not the same."""
    raw, parts = climber.trained, list[float]()
    for before, after in ((raw.left, evidence.left), (raw.right, evidence.right)) if raw else ():
        own = before.get(Tensor("gradient", tensor.path, tensor.name))
        given = after.get(Tensor("kept gradient", tensor.path, tensor.name))
        ratio = None if own is None or given is None else constant_ratio(given, own.reshape(-1)[: given.size])
        parts += [] if ratio is None else [ratio]
    if len(parts) != 2 or abs(parts[0] / parts[1] - 1) < rules.FITS:
        return []
    said = f"clipping leaves {parts[0]:.9g} of this gradient in tf, {parts[1]:.9g} in torch"
    close = abs(parts[0] / parts[1] - 1) < 1e-4
    return [f"{said}: clip_grad_norm_ adds 1e-6 to the norm; see docs/any_network.md" if close else said]


def repeated_rows(climber: Climber, tensor: Tensor) -> list[str]:
    """Say that an embedding's gradient is in parts on the Keras side, if the rule is not a sum of it."""
    tf = climber.sides[0]
    whole = f"{tf.own_paths.get(tensor.path, '')}/{tensor.name}"
    rule = tf.numbers["rules"][0]
    linear = rule["name"] == "SGD" and not any(rule.get(one) for one in SHOWN_IF_ON if one.startswith("clip"))
    if linear or whole not in tf.numbers.get("repeated", []):
        return []
    return [
        (
            "a token that occurs twice has two gradients in tf, and Keras squares each before it sums them; "
            "torch sums first. See docs/any_network.md"
        )
    ]


def rules_that_fit(climber: Climber, evidence: Evidence) -> tuple[str, str]:
    """Return, for each side, the rule in words, with its numbers."""
    found = []
    for side, arrays, numbers in zip(
        climber.sides, (evidence.left, evidence.right), evidence.numbers, strict=True
    ):
        side.numbers = numbers
        history = histories(climber, arrays, numbers, side.own_paths)
        own = [rules.numbers_of(*one) for one in zip(numbers["rules"], numbers["rates"], strict=True)]
        name, _ = rules.best_rule(history, own)
        found.append(f"{name} ({in_words(own[0])})")
    return found[0], found[1]


SHOWN = ("rate", "beta1", "beta2", "epsilon", "rho", "accumulator")
SHOWN_IF_ON = ("momentum", "dampening", "weight_decay", "clipnorm", "global_clipnorm", "clipvalue")


def in_words(numbers: Mapping[str, Any]) -> str:
    names = [name for name in SHOWN if name in numbers] + [name for name in SHOWN_IF_ON if numbers.get(name)]
    return ", ".join(f"{name} {numbers[name]:g}" for name in names if isinstance(numbers[name], int | float))


def histories(
    climber: Climber, arrays: Arrays, numbers: Mapping[str, Any], own_paths: Mapping[str, str]
) -> list[rules.Steps]:
    """Return each parameter's own steps, without parameters whose gradient is zero within rounding."""
    found = []
    for weight, start in climber.weights.items():
        gradients = [
            arrays.get(Tensor("kept gradient", weight.path, weight.name, t)) for t in range(KEPT_STEPS)
        ]
        after = [arrays.get(Tensor("kept weight", weight.path, weight.name, t)) for t in range(KEPT_STEPS)]
        held = numbers["decays"].get(f"{own_paths.get(weight.path, '')}/{weight.name}")
        if held is None or climber.is_zero(weight) or climber.accepted(weight.path, weight.name):
            continue
        if all(one is not None for one in (*gradients, *after)):
            sample = start.reshape(-1)[: len(after[0])].astype(np.float64)  # type: ignore[arg-type]
            wide = [[np.asarray(one, np.float64) for one in group] for group in (after, gradients)]
            found.append(rules.Steps(sample, wide[0], wide[1], held))
    return found
