"""Finds LeNet's tensors in the content of a torch file, within containers, wrappers and bookkeeping."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from lenet_spec import LeNetSpec

# Words that wrappers of the model or of a layer add to a name: torch.compile, DataParallel and DeepSpeed,
# Lightning's strategies, FSDP, activation checkpointing.
WRAPPERS = {
    "_orig_mod", "module", "_forward_module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module",
}  # fmt: skip
# Names that scripts give to the model in a checkpoint, and names that classes give to their network.
HOLDERS = {"state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params"}
# Names that belong to no layer of the network: counters, and a loss's class weights.
BOOKKEEPING = {"num_batches_tracked", "n_averaged", "total_ops", "total_params"}
LOSSES = {"loss", "loss_fn", "criterion"}
DEEPEST = 8  # how deep to look into nested containers


class Unreadable(Exception):
    """torch cannot read the file, or the file holds no LeNet; the message says why."""


def own_name(canonical: str) -> str:
    """Return torch's name of a parameter: conv1.weight for conv1/kernel."""
    return canonical.replace("/kernel", ".weight").replace("/bias", ".bias")


LENET = {own_name(name) for name in LeNetSpec().parameter_shapes()}


def state_dict(content: Any) -> dict[str, Any]:
    """Return LeNet's tensors by their names in the file, with all other tensors that are not bookkeeping.

    They may be in any container, under any prefix, in any wrappers. If the file has none of LeNet's names,
    return its largest container. Raises Unreadable if there is no tensor, or if two models fit.
    """
    containers = dict(mappings(content))
    models = [(path, prefix) for path, held in containers.items() for prefix in by_prefix(held)]
    if not models:
        tensors = max((tensors_of(held) for held in containers.values()), key=len, default={})
        if tensors:
            return tensors
        raise Unreadable(f"it holds a {type(content).__name__}; it must hold a state_dict")
    ranks = {(path, prefix): rank(containers[path], prefix, path) for path, prefix in models}
    highest = max(ranks.values())
    best = [model for model in models if ranks[model] == highest]
    if len(best) > 1 and highest[0] == len(LENET):
        places = " and ".join(".".join(filter(None, [*path, prefix])) or "the top" for path, prefix in best)
        raise Unreadable(f"it holds {len(best)} models, under {places}; it must hold one")
    path, prefix = best[0]
    return without_bookkeeping(containers[path], prefix)


def mappings(content: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    """Yield the mappings within the content, with the keys that lead to each."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(content, Mapping):
        items = content.items()
        yield path, {str(name): value for name, value in items}
    elif isinstance(content, list | tuple):
        items = enumerate(content)
    for name, value in items if len(path) < DEEPEST else ():
        yield from mappings(value, (*path, str(name)))


def by_prefix(held: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the names in the file of LeNet's tensors, by the prefix in the file and by torch's name."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for name in held:
        prefix, own = parted(name)
        if own in LENET:
            found[prefix].setdefault(own, name)
    return found


def parted(name: str) -> tuple[str, str]:
    """Split module.net._orig_mod.conv1.weight into net and conv1.weight: wrappers may be anywhere."""
    words = bare(name)
    return ".".join(words[:-2]), ".".join(words[-2:])


def bare(name: str) -> list[str]:
    """Return the words of a name without the words of wrappers."""
    return [word for word in name.split(".") if word not in WRAPPERS]


def rank(held: Mapping[str, Any], prefix: str, path: Sequence[str] = ()) -> tuple[int, bool]:
    """Rank a prefix: by how many of LeNet's tensors it holds, then by whether all its words name a model."""
    words = {*path, *prefix.split(".")} - {""} - WRAPPERS
    return len(by_prefix(held)[prefix]), words <= HOLDERS


def without_bookkeeping(held: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """Return the tensors without counters, losses, and copies of the whole network under another prefix."""
    groups = by_prefix(held)
    copies = [group for other, group in groups.items() if other != prefix and len(group) == len(LENET)]
    left_out = {name for copy in copies for name in copy.values()}
    found = {name: held[name] for name in groups[prefix].values()}
    for name, tensor in tensors_of(held).items():
        words = bare(name)
        if not (name in left_out or {*words[-1:]} & BOOKKEEPING or {*words[:1]} & LOSSES):
            found[name] = tensor
    return found


def tensors_of(held: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in held.items() if isinstance(value, torch.Tensor)}


def names_in_file(tensors: Mapping[str, Any]) -> dict[str, str]:
    """Return the name in the file of each of LeNet's tensors; for a missing tensor, the name to expect."""
    prefixes = by_prefix(tensors)
    found = prefixes[max(prefixes, key=lambda prefix: rank(tensors, prefix), default="")]
    before = next((name.removesuffix(own) for own, name in found.items() if name.endswith(own)), "")
    return {own: found.get(own, before + own) for own in LENET}
