"""Puts ports on the ladder: one worker for each framework and device. These workers run at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from compare.data import mnist
from compare.labels import CPU
from compare.ladder.climb import Ascent, ascend
from compare.ladder.climber import Climber, NotOnTheLadder
from compare.ladder.pairing import Pairing
from compare.ladder.plan import Plan, Port
from compare.ladder.reference import Reference
from compare.ladder.rungs import RUNGS, RungKind
from compare.ladder.together import launch, one_thread_each
from compare.processes.group import Group
from compare.processes.launcher import Worker, WorkerNotStarted
from compare.records.parity import Climb
from lenet_spec import LeNetSpec


class Ladder:
    """The climbs of many ports. plans: one for each dtype and state of dropout. pythons: by framework.

    Logs go to `directory`. `left_out`: by label, why a port could not climb. `unavailable`: the labels of
    those that cannot run on this machine.
    """

    def __init__(
        self, plans: Sequence[Plan], dataset: mnist.Dataset, pythons: Mapping[str, Path], directory: Path
    ) -> None:
        self.plans, self.pythons, self.directory = plans, pythons, directory
        self.references: dict[LeNetSpec, Reference] = {}
        for plan in plans:  # the first plan of a spec: no other one trains for more steps
            self.references.setdefault(plan.spec, Reference(plan, dataset))
        self.left_out: dict[str, str] = {}
        self.unavailable: list[str] = []
        self.unusable: dict[str, bool] = {}  # by label: whether its interpreter cannot be run
        self.versions: dict[str, dict[str, Any]] = {}  # by label

    def climb(self, ports: Sequence[Port]) -> list[Climb]:
        """Climb with all ports. Record the first port that passes, the baseline, with every other port."""
        pairing = Pairing([port.label for port in ports], self.references)
        with one_thread_each(), self.lanes(ports) as lanes:
            futures = {lanes[lane_of(port)].submit(port): port.label for port in ports}
            for reference in self.references.values():
                reference.prepare(kind.evidence for kind in kinds_of(reference.plan))
            for future in as_completed(futures):
                label = futures[future]
                pairing.add(label, self.ascents(label, future))
        return pairing.climbs()

    def ascents(self, label: str, future: Future[list[Ascent]]) -> list[Ascent]:
        """Return a port's climb under each plan. If it could not climb, note why, and return no climb."""
        try:
            return future.result()
        except WorkerNotStarted as failure:
            self.left_out[label] = str(failure)
            self.unusable[label] = failure.interpreter
            return []
        except NotOnTheLadder as failure:
            self.left_out[label] = str(failure)
            if failure.unavailable:
                self.unavailable.append(label)
            return []

    @contextmanager
    def lanes(self, ports: Sequence[Port]) -> Iterator[dict[str, Lane]]:
        """Yield a lane for each framework and device. Ctrl-C kills the workers, so that no thread waits."""
        with ExitStack() as stack:
            lanes = {key: Lane(self) for key in dict.fromkeys(map(lane_of, ports))}
            for lane in lanes.values():
                stack.callback(lane.close)
            try:
                yield lanes
            except BaseException:
                for lane in lanes.values():
                    lane.kill()
                raise
            finally:
                for path in self.directory.glob("ladder-*-weights.safetensors"):
                    path.unlink()


def lane_of(port: Port) -> str:
    """Return the name of a port's lane: ports of one framework, device and number of ranks share a worker."""
    ranks = f" x{port.ranks}" if port.ranks else ""
    return f"{port.framework}{ranks}" + ("" if port.device == CPU else f" on {port.device}")


def kinds_of(plan: Plan) -> tuple[RungKind, ...]:
    """Return the rungs that a plan has."""
    absent = {name for name, there in (("sizes", plan.sizes), ("late", plan.late)) if not there}
    return tuple(kind for kind in RUNGS if kind.evidence not in absent)


class Lane:
    """A thread and a worker, on which the ports of one framework climb in turn. A dead worker is replaced."""

    def __init__(self, ladder: Ladder) -> None:
        self.ladder = ladder
        self.thread = ThreadPoolExecutor(1)
        self.worker: Worker | Group | None = None
        self.stopped = False

    def submit(self, port: Port) -> Future[list[Ascent]]:
        """Climb after the ports that were submitted before."""
        return self.thread.submit(self.ascend, port)

    def ascend(self, port: Port) -> list[Ascent]:
        """Climb under each plan in turn, up to the first plan that fails. Raises NotOnTheLadder."""
        ladder, found = self.ladder, []
        for plan in ladder.plans:
            # this thread outlives the worker: Linux ends a worker when the thread that started it ends
            worker = self.living(port, plan)
            reference = ladder.references[plan.spec]
            climber = Climber(port, plan, worker, reference.inputs, ladder.directory)
            found.append(ascend(climber, reference, kinds_of(plan)))
            ladder.versions[port.label] = climber.versions
            if not found[-1].passed:
                break
        return found

    def living(self, port: Port, plan: Plan) -> Worker | Group:
        if self.stopped:
            raise NotOnTheLadder(f"{port.label} was interrupted", unavailable=False)
        if self.worker is None or self.worker.closed:
            python = self.ladder.pythons[port.framework]
            self.worker = launch(port, plan, python, self.ladder.directory, name=lane_of(port))
        self.worker.name = port.label  # so that an error names this port
        return self.worker

    def kill(self) -> None:
        """End the worker at once, which also ends the wait for its answer. Start no other worker."""
        self.stopped = True
        self.thread.shutdown(wait=False, cancel_futures=True)
        if self.worker is not None:
            self.worker.kill()

    def close(self) -> None:
        self.thread.shutdown(cancel_futures=True)
        if self.worker is not None:
            self.worker.close(grace_seconds=0)
