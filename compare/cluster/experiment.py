"""Runs `compare.run --cluster`: trains each seed on one node, and joins the seeds into one result."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console

from compare.cluster.engine import Engine, Lost, Task, check_installed, joined
from compare.cluster.exchange import Facts, Group, Request, options_of
from compare.cluster.joining import Joined
from compare.cluster.members import Member, members_of
from compare.config import Entrant, RunConfig, entrants
from compare.config_rules import check
from compare.data import mnist
from compare.errors import NodesLost
from compare.experiment.devices import present_versions
from compare.experiment.experiment import distrust, loaded, recorded
from compare.experiment.resume import check_data, check_facts, check_versions
from compare.findings.findings import find
from compare.numbers import count, format_duration
from compare.records import machine
from compare.records.files import write_atomically
from compare.records.foreign import read_results, refuse_unknown_fields
from compare.records.results import Results, write_results
from compare.records.run_directory import RunDirectory, new_directory, remove_half_written
from compare.rendering import facts, tables, terminal
from compare.rendering.event_files import write_events
from compare.rendering.report_files import render, render_machines

MOST_LOSSES = 3  # of one group: it runs again elsewhere twice
VERSIONS = {"code_version": "code version", "python": "python", "packages": "packages"}


@dataclass(frozen=True)
class Started:
    """A group that is training. at: when it started, on the monotonic clock."""

    member: Member
    seed: int
    at: float


@dataclass
class ClusterExperiment:
    """A checked config, its data set and its directory; `execute` does the work once."""

    config: RunConfig
    dataset: mnist.Dataset
    place: RunDirectory
    entrants: list[Entrant]
    console: Console
    joined: Joined
    members: list[Member] = field(default_factory=list)  # but for those that were lost
    losses: Counter[int] = field(default_factory=Counter)  # of nodes, by the seed that they trained

    @property
    def directory(self) -> Path:
        return self.place.path

    @property
    def results(self) -> Results:
        return self.joined.results

    @classmethod
    def prepare(cls, config: RunConfig, console: Console | None = None) -> ClusterExperiment:
        """Check the run. Raises UserError if options, data, Ray or the directory are unusable."""
        check(config)
        check_installed()
        config, dataset = loaded(config)
        place = new_directory(config.out) if config.resume is None else RunDirectory(config.resume)
        with place.refusable():
            if config.resume is None:
                record = msgspec.structs.replace(recorded(config, dataset), cluster=True)
                results = Results(config=record)
            else:
                results = resumed(config.resume, dataset)
        console = console or Console(highlight=False)
        return cls(config, dataset, place, entrants(config), console, Joined.read(results))

    def execute(self) -> Results:
        """Train every missing seed. Print and write the results whenever a group ends."""
        assert self.config.cluster is not None
        with self.place:
            with ExitStack() as stack:
                with self.place.refusable():
                    engine = stack.enter_context(joined(self.config.cluster))
                    self.members = members_of(engine, self.config, self.own_facts)
                self.say(facts.headline(self.results.config))
                self.say(f"cluster   {', '.join(one.name for one in self.members)}")
                write_results(self.results, self.directory)  # from here on --resume finds what was asked for
                self.train(engine)
            return self.report()

    def own_facts(self) -> Facts:
        """Return the facts that every node must share. Raises UserError if they changed since the start."""
        own = Facts(machine.describe(), self.dataset.sha256, present_versions(self.config))
        if self.config.resume is not None and self.joined.machines:
            check_facts(self.results.environment, own.environment, VERSIONS)
            if any(own.versions.values()):
                check_versions(self.results, own.versions)
        return own

    def train(self, engine: Engine) -> None:
        """Train one group at a time on every machine. Raises NodesLost if some seeds cannot be trained."""
        waiting = [one for one in self.config.seed_range() if not self.joined.finished(one, self.entrants)]
        if kept := self.config.seeds - len(waiting):
            self.say(f"resumed   with what was finished: {count(kept, 'seed')}")
        for seed in waiting:
            self.joined.drop(seed)
        running: dict[Task, Started] = {}
        try:
            while running or (waiting and self.members):
                for member in self.idle(running):
                    if waiting:
                        task, started = self.start(engine, member, waiting.pop(0))
                        running[task] = started
                for task in engine.ended({task: one.member.node for task, one in running.items()}):
                    waiting += self.end(engine, task, running.pop(task))
        except BaseException:
            engine.stop(list(running))
            raise
        if waiting:
            seeds = ", ".join(map(str, waiting))
            raise NodesLost(f"--cluster: no node is left, and not every seed has trained: {seeds}.")

    def idle(self, running: Mapping[Task, Started]) -> list[Member]:
        """Return one node of each machine on which no group is training."""
        busy = {one.member.machine for one in running.values()}
        return list({one.machine: one for one in reversed(self.members) if one.machine not in busy}.values())

    def start(self, engine: Engine, member: Member, seed: int) -> tuple[Task, Started]:
        request = Request(options_of(self.config), seed, self.joined.gate(member.machine))
        cards = "cuda" in self.config.device
        task = engine.start(member.node, msgspec.json.encode(request), whole=True, cards=cards)
        self.say(f"training  {member.name}: seed {seed} starts")
        return task, Started(member, seed, time.monotonic())

    def end(self, engine: Engine, task: Task, started: Started) -> list[int]:
        """Add the group of a task that has ended; return its seed if it must train again."""
        member, seed = started.member, started.seed
        try:
            reply = engine.reply(task, member.node)
        except Lost as lost:
            self.lose(member, seed, lost)
            return [seed]
        if reply.status:
            raise NodesLost(f"--cluster: {member.name} could not train seed {seed}: {reply.reason}")
        group = msgspec.msgpack.decode(reply.answer, type=Group)
        results = msgspec.json.decode(group.results, type=Results)
        known = self.joined.gate(member.machine) is not None
        self.joined.add(results, self.config)
        self.write_files(group.files, member.machine)
        self.write()
        if not known and results.parity is not None:
            self.say(f"parity    {member.name}: {results.parity.summary}")
        for run in results.runs:
            if run.status != "ok":
                self.say(f"{run.label} seed {seed}: {run.status}: {run.reason}")
        took = format_duration(time.monotonic() - started.at)
        self.say(f"training  {member.name}: seed {seed} ends after {took}")
        return []

    def lose(self, member: Member, seed: int, lost: Lost) -> None:
        """Record a lost node, and use it no more. Raises NodesLost if the seed has lost too many nodes."""
        self.members.remove(member)
        self.losses[seed] += 1
        if self.losses[seed] == MOST_LOSSES:
            raise NodesLost(f"--cluster: seed {seed} was lost with its node {MOST_LOSSES} times: {lost}")
        sentence = (
            f"{member.name} was lost while it trained seed {seed}, which trains again as a whole elsewhere"
        )
        self.say(f"warning: {sentence}: {lost}")
        self.results.lost_nodes.append(f"{sentence[0].upper()}{sentence[1:]}.")
        self.write()

    def write(self) -> None:
        """Write the rows so far and their findings."""
        self.joined.conclude()
        write_results(self.results, self.directory)
        write_atomically(self.directory / "curves.csv", tables.curves_csv(self.results.runs).encode())

    def write_files(self, files: Mapping[str, bytes], identity: str) -> None:
        """Write weights and logs into the run's directory. Each machine has its own files of the ladder."""
        first = identity == next(iter(self.joined.machines))
        for name, content in files.items():
            own = not first and name.startswith("parity/")
            path = self.directory / "machines" / identity / name if own else self.directory / name
            if not path.resolve().is_relative_to(self.directory.resolve()):
                raise NodesLost(f"--cluster: a node answered with a file that lies elsewhere: {name}")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)

    def report(self) -> Results:
        """Write and print the report: a normal one for one machine, a merged one for several machines."""
        results, directory = self.results, self.directory
        distrust(results)
        self.write()
        if self.config.tensorboard:
            write_events(results, directory)
        if len(self.joined.machines) == 1:
            found = find(results)
            render(found, directory)
            self.console.print(terminal.summary(found, self.console.width))
        else:
            for sentence in [*render_machines(results, [], directory), *results.lost_nodes]:
                self.say(sentence)
        self.say(f"report    {directory / 'report.html'}")
        return results

    def say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)


def resumed(directory: Path, dataset: mnist.Dataset) -> Results:
    """Return the results of an interrupted run. Raises UserError if it used other data."""
    results = read_results(directory)
    refuse_unknown_fields(directory, results)
    remove_half_written(directory)
    check_data(results, dataset.sha256)
    return results
