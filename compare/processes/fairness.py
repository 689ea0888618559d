"""What every worker must find in force, so that neither side is favoured: read back, not assumed.

An interpreter named by --tf-python or --torch-python may be a script that sets what it likes.
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
    """Return the first thing in which a worker's conditions are not those that it was given, or None.

    environment, cpu_affinity, niceness: as the parent gave them to it; what the system does not tell is no
    difference. threads: what both were asked for.
    """
    for name in RECORDED_VARIABLES:
        given, found = environment.get(name), ready.environment.get(name)
        if given != found:
            return f"{name} is {variable_in_words(found)} in it, but should be {variable_in_words(given)}"
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
