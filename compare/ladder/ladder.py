"""Puts ports on the ladder: the first beside each of the others, with dropout inactive and active in turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import safetensors.numpy

from compare.data.batches import TrainingImages
from compare.ladder.climb import climb
from compare.ladder.plan import Plan, Port
from compare.ladder.reference import Reference
from compare.ladder.side import NotOnTheLadder, Side, launch
from compare.ladder.together import asking
from compare.processes.launcher import WorkerNotStarted
from compare.records.files import write_atomically
from compare.records.parity import Climb


class Ladder:
    """plans: one for each state of dropout. pythons: an interpreter by framework. Logs go to `directory`."""

    def __init__(
        self,
        plans: Sequence[Plan],
        dataset: TrainingImages,
        pythons: Mapping[str, Path],
        directory: Path,
    ) -> None:
        self.plans, self.pythons, self.directory = plans, pythons, directory
        self.references = [Reference(plan, dataset) for plan in plans]
        self.weights_path = directory / "ladder-initial-weights.safetensors"
        self.left_out: dict[str, str] = {}  # by label, why it could not be set up
        self.unusable: dict[str, bool] = {}  # by label, whether its interpreter cannot be run
        self.versions: dict[str, dict[str, Any]] = {}  # by label

    def climb(self, ports: Sequence[Port]) -> list[Climb]:
        """Climb with the baseline, the first port that can be set up, against each other one, or alone.

        The first two start and work side by side; the baseline's answers then serve for all the others.
        """
        climbs: list[Climb] = []
        with ExitStack() as stack:
            write_atomically(self.weights_path, safetensors.numpy.save(self.references[0].weights))
            stack.callback(self.weights_path.unlink)
            team = self.start(ports[:2], stack)
            if team:
                climbs += self.climb_plans(team, keep=len(ports) > 2)
            for port in ports[2:]:
                with ExitStack() as own_stack:
                    other = self.start([port], own_stack if team else stack)
                    if other:
                        climbs += self.climb_plans([*team[:1], *other], keep=True)
                        team = team or other
        return climbs

    def start(self, ports: Sequence[Port], stack: ExitStack) -> list[list[Side]]:
        """For each port that can be set up, its sides, one a plan, on one worker; the first is set up."""
        teams = []
        for port in ports:
            # in this thread, not in the pool's: Linux ends a worker with the thread that started it
            try:
                worker = stack.enter_context(
                    launch(port, self.plans[0], self.pythons[port.framework], self.directory)
                )
            except WorkerNotStarted as failure:
                self.left_out[port.label] = str(failure)
                self.unusable[port.label] = failure.interpreter
                continue
            teams.append([Side(port, plan, worker, self.weights_path) for plan in self.plans])
        if not teams:
            return []
        with asking([sides[0].worker for sides in teams]) as pool:
            there = list(pool.map(self.is_there, teams))
        return [sides for sides, yes in zip(teams, there, strict=True) if yes]

    def is_there(self, sides: Sequence[Side]) -> bool:
        """Set the first side up; note why if that cannot be."""
        try:
            _ = sides[0].first_parameters
        except NotOnTheLadder as failure:
            self.left_out[sides[0].label] = str(failure)
            return False
        self.versions[sides[0].label] = sides[0].versions
        return True

    def climb_plans(self, team: Sequence[Sequence[Side]], *, keep: bool) -> list[Climb]:
        """One climb a plan. keep: the first side's answers will be needed after its worker has gone on."""
        climbs = []
        for number, (plan, reference) in enumerate(zip(self.plans, self.references, strict=True)):
            sides = [sides[number] for sides in team]
            climbs.append(climb(sides, reference, plan))
            if keep:
                sides[0].complete()
        return climbs
