"""Known mistakes of data-parallel training, each of which the ladder must catch. Standard library only.

They are separate from the other traps, because each needs a group of ranks. `python -m tools.ranks traps`
tries all of them.
"""

from __future__ import annotations

from compare.traps.catalogue import Trap

TORCH = "compare.traps.torch_rank_mistakes"
TF = "compare.traps.tf_rank_mistakes"

RANK_TRAPS: tuple[Trap, ...] = (
    Trap(
        "batch-size-per-rank",
        2,
        "each rank takes the batch size of one process: together they train on twice as many images",
        TORCH,
        "BatchSizePerRank",
        ranks=2,
    ),
    Trap(
        "rows-repeated",
        5,
        "an uneven share filled up with rows that are there already, as DistributedSampler does",
        TORCH,
        "RowsRepeated",
        ranks=3,
    ),
    Trap(
        "same-dropout-mask",
        5,
        "dropout seeded alike on every rank, which all drop the same units",
        TORCH,
        "SameDropoutMask",
        dropout=True,
        ranks=2,
    ),
    Trap(
        "gradients-summed",
        6,
        "a communication hook that sums gradients, where DistributedDataParallel would average",
        TORCH,
        "GradientsSummed",
        ranks=2,
    ),
    Trap(
        "divided-by-whole-batch",
        6,
        "the loss divided by the size of the whole batch, as TensorFlow needs it; torch averages it too",
        TORCH,
        "DividedByWholeBatch",
        ranks=2,
    ),
    Trap(
        "mean-of-unequal-means",
        6,
        "the mean of each rank's own rows, averaged, though the ranks have unequal numbers of rows",
        TORCH,
        "MeanOfUnequalMeans",
        ranks=3,
    ),
    Trap(
        "own-means-summed",
        6,
        "the mean of each rank's own rows, as torch needs it; TensorFlow's optimizers sum it",
        TF,
        "OwnMeansSummed",
        framework="tf",
        ranks=2,
    ),
    Trap(
        "averaged-too",
        6,
        "the share of the whole batch's mean divided by the number of ranks, though nothing needs it",
        TF,
        "AveragedToo",
        framework="tf",
        ranks=2,
    ),
)
