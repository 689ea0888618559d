"""Explains why a step differs: gives each side's update rule in words, with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from compare.protocol import task_messages as messages
from compare.protocol.task_messages import Tensor
from compare.task import rules
from compare.task.evidence import Climber
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
    """Return, for each side, the rule in words, with its numbers."""
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
    """Return each parameter's own steps, without parameters whose gradient is zero within rounding."""
    found = []
    for weight, start in climber.weights.items():
        gradients = [
            arrays.get(Tensor("kept gradient", weight.path, weight.name, t)) for t in range(KEPT_STEPS)
        ]
        after = [arrays.get(Tensor("kept weight", weight.path, weight.name, t)) for t in range(KEPT_STEPS)]
        if climber.is_zero(weight) or climber.accepted(weight.path, weight.name):
            continue
        if all(one is not None for one in (*gradients, *after)):
            sample = start.reshape(-1)[: len(after[0])].astype(np.float64)  # type: ignore[arg-type]
            decay = numbers["decays"].get(f"{own_paths.get(weight.path, '')}/{weight.name}", 0.0)
            wide = [[np.asarray(one, np.float64) for one in group] for group in (after, gradients)]
            found.append(rules.Steps(sample, wide[0], wide[1], decay))
    return found
