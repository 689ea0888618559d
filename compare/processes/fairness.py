"""Checks that every worker runs under the given conditions, so that neither side is favoured.

The conditions are read back, not assumed: --tf-python or --torch-python may name a script that changes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compare.protocol import messages
from compare.protocol.messages import RECORDED_VARIABLES


def unfair(
    ready: messages.Ready,
    *,
    environment: Mapping[str, str],
    cpu_affinity: Sequence[int] | None,
    niceness: int | None,
    threads: int,
) -> str | None:
    """Return the first condition of a worker that differs from the given one, or None.

    environment, cpu_affinity, niceness: as the parent set them; a value that the system does not report is no
    difference. threads: the number that both frameworks must use.
    """
    for name in RECORDED_VARIABLES:
        given, found = environment.get(name), ready.environment.get(name)
        if given != found:
            return (
                f"{name} is {variable_in_words(found)} in the worker, "
                f"but should be {variable_in_words(given)}"
            )
    cpus = [sorted(numbers) for numbers in (cpu_affinity, ready.cpu_affinity) if numbers is not None]
    if len(cpus) == 2 and cpus[0] != cpus[1]:
        return f"it may run on CPUs {cpus[1]}, this command on {cpus[0]}"
    if None not in (niceness, ready.niceness) and ready.niceness != niceness:
        return f"its niceness is {ready.niceness}, this command's is {niceness}"
    used = ready.runtime.get("threads", {}).get("intra_op")
    if used != threads:
        return f"it uses {used} threads, but was asked for {threads}"
    return None


def variable_in_words(value: str | None) -> str:
    return "unset" if value is None else repr(value)
