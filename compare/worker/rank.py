"""Serves one rank of a data-parallel group in its process: meets the others, takes its rows of a batch."""

from __future__ import annotations

import importlib
from functools import cache
from typing import cast

from compare.data.batches import Batch
from compare.data.shards import shard
from compare.protocol import messages
from compare.worker.contract import RankModule, RankTrainer, Trainer


def join(request: messages.SetUp) -> None:
    """Wait for the other ranks of the group, if this process exchanges gradients with others."""
    if request.place is not None and request.place.exchange:
        join_once(request.framework, request.place, request.device, request.timeout_seconds)


@cache
def join_once(framework: str, place: messages.Place, device: str, timeout_seconds: float) -> None:
    """Join once for all the models that this worker builds in turn: a process has one group for its life."""
    module = cast(RankModule, importlib.import_module(f"{framework}_impl.ranks"))
    module.join(
        rank=place.rank,
        world_size=place.world_size,
        rendezvous=place.rendezvous,
        device=device,
        timeout_seconds=timeout_seconds,
    )


def rows(batch: Batch, place: messages.Place | None) -> Batch:
    """Return the rows of a batch that this process trains on: all rows, unless it is one rank of several."""
    return batch if place is None else shard(batch, place.rank, place.world_size)


def meet(trainer: Trainer) -> None:
    """Wait until every rank is here, so that no rank's time includes waiting for a later rank."""
    if isinstance(trainer, RankTrainer):
        trainer.barrier()
