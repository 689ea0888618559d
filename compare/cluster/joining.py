"""Joins the groups of several nodes into the results of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from compare.config import Entrant, RunConfig
from compare.experiment.experiment import in_order, kept_out
from compare.experiment.resume import settled
from compare.findings.findings import find
from compare.records.parity import Gate
from compare.records.results import Launch, Machine, Results


@dataclass
class Joined:
    """A run's results and its machines. `write_results` writes no entry if a run has only one machine."""

    results: Results
    machines: dict[str, Machine] = field(default_factory=dict)

    @classmethod
    def read(cls, results: Results) -> Joined:
        """Start from the results of an interrupted run."""
        machines = {
            identity: Machine(
                one.threads, one.environment or results.environment, one.parity or results.parity
            )
            for identity, one in results.machines.items()
            if results.runs
        }
        return cls(results, machines)

    def gate(self, machine: str) -> Gate | None:
        """Return the ladder's result on this machine in this run; None if it has not climbed yet."""
        return self.machines[machine].parity if machine in self.machines else None

    def finished(self, seed: int, entrants: Sequence[Entrant]) -> bool:
        """Return whether all launches of a seed are complete: each has ended, or was not proved."""
        rows = {(run.label, run.device): run for run in self.results.runs if run.seed == seed}
        held = [(entrant, rows.get((entrant.label, entrant.device))) for entrant in entrants]
        return all(run is not None and (settled(run) or self.barred(run, entrant)) for entrant, run in held)

    def barred(self, run: Launch, entrant: Entrant) -> bool:
        gate = self.gate(run.machine)
        return not run.losses and gate is not None and kept_out(gate, entrant) is not None

    def drop(self, seed: int) -> None:
        """Remove all rows of a seed, which will train again as a whole."""
        results = self.results
        results.runs = [run for run in results.runs if run.seed != seed]
        results.thread_runs = [run for run in results.thread_runs if run.seed != seed]
        results.input_runs = [run for run in results.input_runs if run.seed != seed]
        results.inference_runs = [run for run in results.inference_runs if run.seed != seed]

    def add(self, group: Results, config: RunConfig) -> None:
        """Add the rows of a group. They already name their machine."""
        identity = group.environment.machine_id
        held = self.machines.setdefault(
            identity, Machine(group.config.threads, group.environment, group.parity)
        )
        if held.environment is not None and held.environment is not group.environment:
            follow(held, group)
        results = self.results
        results.runs = in_order(results.runs + group.runs, config)
        results.thread_runs += group.thread_runs
        results.input_runs += group.input_runs
        results.inference_runs += group.inference_runs
        for rows in (results.thread_runs, results.input_runs, results.inference_runs):
            rows.sort(key=lambda row: row.seed)
        self.conclude()

    def conclude(self) -> None:
        """Use the first machine's facts as those of the file, and derive the findings from the samples.

        Times of several machines are never combined, so a run on several machines holds no comparisons.
        """
        if not self.machines:  # nothing has trained yet
            return
        results, first = self.results, next(iter(self.machines.values()))
        gates = [one.parity for one in self.machines.values() if one.parity is not None]
        results.parity = next((gate for gate in gates if not gate.passed), first.parity)
        results.environment = first.environment or results.environment
        results.config.threads = first.threads
        results.machines = dict(self.machines)
        if len(self.machines) == 1:
            find(results).record()
        else:
            results.comparisons, results.batch_sweep, results.warnings = [], [], list(results.lost_nodes)


def follow(held: Machine, group: Results) -> None:
    """Add the clocks that a later group of the same machine recorded."""
    assert held.environment is not None
    held.environment.cpu_mhz += group.environment.cpu_mhz
    before, now = held.environment.card, group.environment.card
    if before is not None and now is not None:
        before.samples += now.samples
        before.after = now.after
