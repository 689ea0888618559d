"""`python -m tools.ranks [PART ...]`: measures each part, and writes docs/results/ranks.json.

    proofs   the ladder at 1, 2 and 3 ranks, in float64, against the NumPy oracle
    losses   1,000 steps of 2 ranks, and 200 of 3, against one process
    traps    known mistakes: caught at their rung, and would the accuracy have shown them?
    arms     the step of one process and of two, with and without the exchange of gradients, interleaved
    hosts    two ranks in two network namespaces, over a link of limited speed
    kills    a random rank dies at a random moment

Without a name: all of them, in about three quarters of an hour on two CPUs.
A part that ran before is replaced.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence

import msgspec

from compare.records import machine
from compare.records.files import write_json
from tools.ranks import arms, hosts, kills, losses, proofs, traps
from tools.ranks.record import RESULT, Record, read

PARTS: dict[str, Callable[[], Iterator[msgspec.Struct]]] = {
    "proofs": proofs.proofs,
    "losses": losses.losses,
    "traps": traps.traps,
    "arms": arms.arms,
    "hosts": hosts.hosts,
    "kills": kills.kills,
}


def main(names: Sequence[str]) -> int:
    """Measure the parts, and write the record after each of them."""
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"error: {unknown[0]!r} is no part. Use some of: {', '.join(PARTS)}.", file=sys.stderr)
        return 2
    record = read(RESULT) if RESULT.exists() else Record()
    for name in names or PARTS:
        print(f"== {name}", flush=True)
        try:
            measured = list(PARTS[name]())
        except hosts.NotPermitted as reason:
            print(f"left out: {reason}", flush=True)
            continue
        setattr(record, name, measured)
        record.environments[name] = machine.describe()
        write_json(RESULT, record)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
