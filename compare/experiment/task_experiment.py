"""Proves a porter's own network, then times it as the embedded network (`compare.run --task`)."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import safetensors.numpy
from rich.console import Console

from compare.config import Entrant, RunConfig, entrants, recorded_options
from compare.config_rules import check
from compare.data.task_file import Task
from compare.errors import UserError
from compare.experiment.card import CardWatch, watch, watched
from compare.experiment.devices import check_devices, present_versions
from compare.experiment.ends import parted_at
from compare.experiment.launches import LiveLaunch, act_or_end, new_run, not_proved
from compare.experiment.resume import check_card, check_unchanged, check_versions, keep_finished, trained
from compare.experiment.starting import note_ready, start, unfair_in
from compare.experiment.training import schedule, train_block
from compare.findings.findings import Findings, find
from compare.ladder.config import ParityConfig
from compare.processes.launcher import WorkerRefused
from compare.processes.scratch import remove_abandoned
from compare.protocol import messages, task_messages
from compare.protocol.task_messages import Tensor
from compare.records import machine
from compare.records.config import Config, Data
from compare.records.files import write_atomically
from compare.records.foreign import read_results
from compare.records.parity import Gate
from compare.records.results import Results, write_results
from compare.records.run_directory import RunDirectory, new_directory, remove_half_written
from compare.rendering import facts, markdown, tables, task_terminal, terminal
from compare.rendering.progress import TrainingProgress
from compare.task.evidence import Climber
from compare.task.forms import wrong_forms
from compare.task.proof import Files, climbed, climbing_sides, task_files
from lenet_spec import LeNetSpec


@dataclass
class TaskExperiment:
    """A checked config, its task and its directory; `execute` does the work once."""

    config: RunConfig
    task: Task
    files: Files
    place: RunDirectory
    entrants: list[Entrant]
    console: Console
    results: Results
    drops: bool = False  # whether the network has dropout, with masks that the sides do not share
    weights: dict[tuple[str, int], Path] = field(default_factory=dict)  # by framework and seed
    card: CardWatch | None = None

    @property
    def directory(self) -> Path:
        return self.place.path

    @classmethod
    def prepare(cls, config: RunConfig, console: Console | None = None) -> TaskExperiment:
        """Check the run. Raises UserError if options, task files, devices or the directory are unusable."""
        check(config)
        assert config.task is not None
        remove_abandoned()
        task, files = task_files(
            config.task, config.tensorflow_module, config.torch_module, config.first_seed
        )
        record = recorded(config, task, files)
        console = console or Console(highlight=False)
        card = watch(config.device, os.environ)  # before one of the workers uses it
        if config.resume is not None:
            place = RunDirectory(config.resume)
            with place.refusable():
                results = resumed(config, record)
                check_card(results, card)
        else:
            place = new_directory(config.out)
            with place.refusable():
                check_devices(config)
            results = Results(config=record, environment=machine.describe())
        return cls(config, task, files, place, entrants(config), console, results, card=card)

    def execute(self) -> Results:
        """Prove, train every seed, and report. An interruption keeps the finished results."""
        from compare.rendering.report_files import render  # Altair takes a third of a second to import

        with self.place:
            results = self.results
            write_results(results, self.directory)
            self.console.print(facts.headline(results.config), markup=False)
            with self.place.refusable(), self.console.status("climbing the parity ladder") as status:
                results.parity = self.prove(status.update)
            self.console.print(f"parity    {results.parity.summary}", markup=False)
            self.keep_out(results.parity)
            if results.parity.passed:
                keep_finished(results, self.entrants, [])
                with watched(self.card, results.environment):
                    self.train(results)
            else:
                self.console.print(task_terminal.report(results.parity.tasks[-1]))
            found = self.write(results)
            render(found, self.directory)
            self.console.print(terminal.summary(found, self.console.width))
            report = self.directory / "report.html"
            self.console.print(f"report    {report}", markup=False, soft_wrap=True)
            return results

    def prove(self, say: Callable[[str], None]) -> Gate:
        """Climb in float64 and in the run's dtype, then compare every timed form with the proved one."""
        gate = Gate(passed=True, summary="")
        forms = [(one.framework, one.variant.variant) for one in self.entrants]
        parity = parity_config(self.config)
        assert self.config.task is not None
        with climbing_sides(parity, self.directory) as climbing:
            for climb in [parity, *([in_float32(parity)] if self.config.dtype == "float32" else [])]:
                record, climber = climbed(
                    climb,
                    (self.task, self.config.task),
                    self.files,
                    climbing,
                    directory=self.directory,
                    say=say,
                )
                gate.tasks.append(record)
                if not record.passed:
                    break
                if climb.dtype == "float64":
                    require_metric(climber)
                    self.drops = any(side.manifest.dropouts for side in climber.sides)
                    for (framework, form), why in wrong_forms(climber, list(dict.fromkeys(forms))).items():
                        gate.left_out[f"{framework}:{form}"] = why
                    self.write_weights(climber)
        gate.passed = all(one.passed for one in gate.tasks)
        gate.summary = gate.tasks[0].summary if gate.passed else gate.tasks[-1].summary
        if gate.passed and len(gate.tasks) > 1:
            gate.summary += f" · all rungs in {gate.tasks[1].dtype} too"
        return gate

    def write_weights(self, climber: Climber) -> None:
        """Write, for each seed, the reference side's initial weights in each side's own names.

        A tensor that only one side has gets a neutral value, as in the proof.
        """
        reference = climber.sides[climber.reference]
        for seed in self.config.seed_range():
            own = reference.ask(task_messages.TaskOwnWeights(seed))
            for side in climber.sides:
                shared = {
                    f"{side.own_paths[tensor.path]}/{tensor.name}": np.ascontiguousarray(
                        own.get(Tensor("weight", tensor.path, tensor.name), probe)
                    )
                    for tensor, probe in climber.weights.items()
                }
                path = self.directory / f"initial-weights-{side.framework}-seed{seed}.safetensors"
                write_atomically(path, safetensors.numpy.save(shared))
                self.weights[side.framework, seed] = path

    def keep_out(self, gate: Gate) -> None:
        """Write a row, with the reason, for each unproved entrant; the others stay in `entrants`."""
        self.results.runs = [run for run in self.results.runs if run.losses]
        kept = []
        for entrant in self.entrants:
            why = gate.summary if not gate.passed else gate.left_out.get(entrant.variant.name)
            if why is None:
                kept.append(entrant)
                continue
            for seed in self.config.seed_range():
                run = new_run(self.config, entrant, seed)
                run.status, run.reason = "failed", f"not trained, because it is not proved: {why}"
                self.results.runs.append(run)
        self.entrants = kept

    def train(self, results: Results) -> None:
        seeds = [seed for seed in self.config.seed_range() if not trained(results.runs, self.entrants, seed)]
        steps = {entrant.label: self.config.steps * len(seeds) for entrant in self.entrants}
        launches = len(self.entrants) * len(seeds)
        with TrainingProgress(self.console, steps, launches=launches) as progress:
            for seed in seeds:
                results.environment.cpu_mhz.append(machine.cpu_mhz())
                with self.saving(results, seed) as launches_of:
                    self.train_seed(seed, launches_of, progress)

    @contextmanager
    def saving(self, results: Results, seed: int) -> Iterator[list[LiveLaunch]]:
        """Yield a list for the seed's launches. Their rows are written also if they fail."""
        launches = [LiveLaunch(entrant, new_run(self.config, entrant, seed)) for entrant in self.entrants]
        results.runs += [launch.run for launch in launches]
        try:
            yield launches
        finally:
            self.write(results)

    def train_seed(self, seed: int, launches: list[LiveLaunch], progress: TrainingProgress) -> None:
        directory = self.directory
        with ExitStack() as stack:
            progress.starting([launch.entrant.label for launch in launches], seed)
            for launch in launches:
                path = self.weights[launch.entrant.framework, seed]
                act_or_end(launch, partial(start, launch, self.config, path, stack), directory)
                act_or_end(launch, partial(self.set_up, launch, path), directory)
            for round_ in schedule(self.config, [launch.run for launch in launches], seed):
                for launch in (launches[index] for index in round_.order):
                    act = partial(train_block, launch, round_.steps, self.config, progress)
                    act_or_end(launch, act, directory)
            self.judge_ends(launches)
            for launch in launches:
                if self.task.metric is not None:
                    act_or_end(launch, partial(self.evaluate, launch), directory)
                if launch.live:
                    launch.end("ok", None, grace_seconds=5)
                progress.ended(launch.run, self.config.steps - len(launch.run.losses))

    def set_up(self, launch: LiveLaunch, weights_path: Path) -> None:
        """Build the model, load the weights, and check that the model holds these weights."""
        entrant, run, worker = launch.entrant, launch.run, launch.worker
        assert worker is not None
        assert self.config.task is not None
        conditions = self.config.conditions(entrant.device)
        module = self.files[0 if entrant.framework == "tf" else 1]
        request = task_messages.SetUpTask(
            framework=entrant.framework,
            module=str(module.resolve()),
            task=str(self.config.task.resolve()),
            device=entrant.device,
            dtype=self.config.dtype,
            seed=run.seed,
            threads=conditions.threads,
        )
        worker.request(request, task_messages.Manifest, self.config.timeout)
        loaded = task_messages.TaskWeights(weights_path.read_bytes())
        worker.request(loaded, task_messages.TaskArrays, self.config.timeout)
        form = task_messages.TimeTask(entrant.variant.variant)
        ready = worker.request(form, messages.Ready, self.config.timeout)
        note_ready(run, ready)
        if reason := unfair_in(worker, ready, conditions):
            launch.end("failed", f"{run.label} would not be measured fairly: {reason}")

    def evaluate(self, launch: LiveLaunch) -> None:
        """Take the task's own metric of the trained model."""
        assert launch.worker is not None
        found = launch.worker.request(
            task_messages.TaskMetric(), task_messages.TaskArrays, self.config.timeout
        )
        launch.run.metric = found.numbers["metric"]

    def judge_ends(self, launches: list[LiveLaunch]) -> None:
        """Compare each launch's batches with the first's, and its curve too if no masks differ."""
        done = [launch for launch in launches if launch.live]
        for launch in done[1:]:
            run, first = launch.run, done[0].run
            if run.batches_sha256 != first.batches_sha256:
                launch.end("failed", f"{run.label} did not train on the batches of {first.label}")
            elif not self.drops and (step := parted_at(run.losses, first.losses)) is not None:
                not_proved(launch, step, f"from there its losses differ from those of {first.label}")

    def write(self, results: Results) -> Findings:
        """Write the results and reports. Return the findings of the rows so far."""
        results.runs.sort(key=lambda run: run.seed)
        found = find(results)
        found.record()
        write_results(results, self.directory)
        write_atomically(self.directory / "curves.csv", tables.curves_csv(results.runs).encode())
        write_atomically(self.directory / "report.md", markdown.report([found]).encode())
        return found


def require_metric(climber: Climber) -> None:
    """Raise UserError, before anything is trained, for a metric that cannot be taken."""
    try:
        if climber.task.metric is not None:
            climber.both(lambda side: side.ask(task_messages.TaskMetric()))
    except WorkerRefused as refusal:
        raise UserError(str(refusal)) from refusal


def in_float32(parity: ParityConfig) -> ParityConfig:
    return dataclasses.replace(parity, dtype="float32")


def parity_config(config: RunConfig) -> ParityConfig:
    return ParityConfig(
        device=config.device,
        seed=config.first_seed,
        threads=config.thread_count,
        tf_python=config.tf_python,
        torch_python=config.torch_python,
        timeout=config.timeout,
        task=config.task,
    )


def recorded(config: RunConfig, task: Task, files: Files) -> Config:
    """Return the used options and the values that follow from them, without the paths of this machine."""
    assert config.task is not None
    inputs, _ = task.first(1, config.first_seed)[0]
    batch_size = len(next(iter(inputs.values())))
    digest = hashlib.sha256()
    for file in (config.task, *files):
        digest.update(file.read_bytes())
    names = [file.name for file in files]
    return Config(
        **recorded_options(config)
        | {
            "threads": config.thread_count,
            "thread_counts": list(config.threads),
            "batch_size": batch_size,
            "task": task.name,
            "task_modules": names,
            "data": Data(task.name, digest.hexdigest(), train_images=0, test_images=0),
            "spec": LeNetSpec(),
        }
    )


def resumed(config: RunConfig, record: Config) -> Results:
    """Return the results of an interrupted run. Raises UserError if anything has changed since it began."""
    assert config.resume is not None
    results = read_results(config.resume)
    if results.config.task != record.task:
        raise UserError(
            f"--resume: the run in {config.resume} is of {results.config.task or 'the embedded network'}, "
            f"not of {record.task}. Name its own files with --task, --tensorflow-module and --torch-module."
        )
    remove_half_written(config.resume)
    check_unchanged(results, record.data.sha256)
    check_versions(results, present_versions(config))
    check_devices(config)
    return results
