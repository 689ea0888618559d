"""Takes one run from config to results: data, devices, training seed by seed, comparisons, files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from rich.console import Console

from compare.config import Entrant, RunConfig, entrants, recorded_options
from compare.config_rules import check
from compare.data import mnist
from compare.data.download import download
from compare.data.known_sets import set_name
from compare.data.pairing import doubts
from compare.errors import UserError
from compare.experiment.apart import AfterTraining
from compare.experiment.card import CardWatch, watch, watched
from compare.experiment.devices import check_devices, present_versions
from compare.experiment.inference import measure_inference
from compare.experiment.inputs import measure_inputs
from compare.experiment.launches import new_run
from compare.experiment.resume import check_card, check_unchanged, check_versions, keep_finished, trained
from compare.experiment.training import train_seed
from compare.findings.findings import Findings, find
from compare.labels import Label
from compare.ladder.gate import gate
from compare.ladder.verdicts import failure
from compare.numbers import count
from compare.processes.scratch import remove_abandoned
from compare.records import machine
from compare.records.config import Config
from compare.records.files import write_atomically
from compare.records.foreign import read_results, refuse_unknown_fields
from compare.records.parity import Gate
from compare.records.results import Launch, Results, Status, write_results
from compare.records.run_directory import RunDirectory, new_directory, remove_half_written
from compare.rendering import facts, markdown, tables, terminal
from compare.rendering.event_files import check_available, write_events
from compare.rendering.progress import TrainingProgress


@dataclass
class Experiment:
    """A checked config, its data set and its directory; `execute` does the work once."""

    config: RunConfig
    dataset: mnist.Dataset
    place: RunDirectory
    entrants: list[Entrant]
    console: Console
    results: Results  # so far: empty, or the results of an interrupted run
    card: CardWatch | None = None
    proved: Gate | None = None  # what this run has climbed on this machine already, for another seed

    @property
    def directory(self) -> Path:
        return self.place.path

    @classmethod
    def prepare(cls, config: RunConfig, console: Console | None = None) -> Experiment:
        """Check the run. Raises UserError if options, data, devices or the directory are unusable."""
        check(config)
        config, dataset = loaded(config)
        console = console or Console(highlight=False)
        card = watch(config.device, os.environ)  # before one of the workers uses it
        if config.resume is not None:
            place = RunDirectory(config.resume)
            with place.refusable():
                results = resumed(config, dataset)
                check_card(results, card)
        else:
            place = new_directory(config.out)
            with place.refusable():
                check_devices(config)
            results = Results(config=recorded(config, dataset), environment=machine.describe())
        return cls(config, dataset, place, entrants(config), console, results, card)

    def execute(self) -> Results:
        """Train every seed; print and write results meanwhile. An interruption keeps the finished results."""
        with self.place:
            found = self.measure()
            return self.report(found)

    def measure(self) -> Findings:
        """Climb, and train what is proved and not there yet."""
        results = self.results
        write_results(results, self.directory)  # from here on --resume finds the options
        self.console.print(facts.headline(results.config), markup=False)
        parity = results.parity
        if parity is None or parity.left_out:  # a framework that was missing then may be installed now
            parity = self.climb(results)
        self.console.print(f"parity    {parity.summary}", markup=False)
        self.entrants = [entrant for entrant in self.entrants if not kept_out(parity, entrant)]
        keep_finished(results, self.entrants, self.config.threads[:-1])
        if results.runs and self.config.resume is not None:
            self.console.print(f"resumed   {resumed_words(results)}", markup=False)
        with watched(self.card, results.environment):
            self.train(results)
            self.measure_the_rest(results)
        distrust(results)
        return self.write(results)

    def report(self, found: Findings) -> Results:
        from compare.rendering.report_files import render  # Altair takes a third of a second to import

        results = self.results
        if self.config.tensorboard:
            write_events(results, self.directory)
        render(found, self.directory)
        self.console.print(terminal.summary(found, self.console.width))
        self.console.print(f"report    {self.directory / 'report.html'}", markup=False, soft_wrap=True)
        return results

    def train(self, results: Results) -> None:
        """Train the missing launches, seed by seed, device by device."""
        with self.progress(results) as progress:
            for seed in self.config.seed_range():
                results.environment.cpu_mhz.append(machine.cpu_mhz())
                for device in self.config.device:
                    group = [entrant for entrant in self.entrants if entrant.device == device]
                    if not trained(results.runs, group, seed):
                        self.train_group(group, seed, results, progress)
                    if not trained(results.thread_runs, group, seed):
                        self.train_other_thread_counts(group, seed, results, progress)

    def measure_the_rest(self, results: Results) -> None:
        """Measure --inputs and --inference for each seed whose training ended well."""
        with self.console.status("") as status:

            def say(what: str) -> None:
                status.update(f"measuring {what}")

            def save() -> None:
                self.write(results)

            after = AfterTraining(self.config, self.directory, self.dataset, results, say, save)
            measure_inputs(after)
            measure_inference(after)

    def climb(self, results: Results) -> Gate:
        """Climb the ladder. A variant that is not proved is not trained, and its rows hold the reason."""
        with self.place.refusable(), self.console.status("climbing the parity ladder") as status:
            parity = self.proved or gate(
                self.config, self.entrants, self.dataset, self.directory, say=status.update
            )
        results.parity = parity
        results.runs = [run for run in results.runs if run.losses]
        for entrant in self.entrants:
            if why := kept_out(parity, entrant):
                for seed in self.config.seed_range():
                    run = new_run(self.config, entrant, seed)
                    run.status, run.reason = why
                    results.runs.append(run)
        self.write(results)
        return parity

    def progress(self, results: Results) -> TrainingProgress:
        """Return a progress display of the training that is left."""
        steps = {entrant.label: 0 for entrant in self.entrants}
        launches = 0
        others = len(self.config.threads) - 1
        for seed in self.config.seed_range():
            for entrant in self.entrants:
                if not trained(results.runs, [entrant], seed):
                    steps[entrant.label] += self.config.steps
                    launches += 1
                if not trained(results.thread_runs, [entrant], seed):
                    steps[entrant.label] += others * thread_steps(self.config)
                    launches += others
        return TrainingProgress(self.console, steps, launches=launches)

    def train_group(
        self, group: list[Entrant], seed: int, results: Results, progress: TrainingProgress
    ) -> None:
        finished = list(results.runs)

        def save(runs: list[Launch]) -> None:
            results.runs = in_order(finished + runs, self.config)
            find(results).record()  # so that a file's verdicts always belong to its rows
            write_results(results, self.directory)

        try:
            train_seed(self.config, group, seed, self.dataset, self.directory, progress=progress, save=save)
        finally:
            self.write(results)

    def train_other_thread_counts(
        self, group: list[Entrant], seed: int, results: Results, progress: TrainingProgress
    ) -> None:
        """Train short launches at all counts of --threads except the last, in their own directories."""
        results.thread_runs = [
            run
            for run in results.thread_runs
            if run.seed != seed or run.device not in {entrant.device for entrant in group}
        ]
        for threads in self.config.threads[:-1]:
            config = dataclasses.replace(
                self.config, threads=(threads,), batch_sizes=(), steps=thread_steps(self.config)
            )
            directory = self.directory / f"threads-{threads}"
            directory.mkdir(exist_ok=True)
            finished = list(results.thread_runs)
            runs = train_seed(
                config, group, seed, self.dataset, directory, progress=progress, save=lambda _: None
            )
            results.thread_runs = finished + runs
            self.write(results)

    def write(self, results: Results) -> Findings:
        """Write the results and reports. Return the findings of the rows so far."""
        found = find(results)
        found.record()
        write_results(results, self.directory)
        write_atomically(self.directory / "curves.csv", tables.curves_csv(results.runs).encode())
        write_atomically(self.directory / "report.md", markdown.report([found]).encode())
        return found


def loaded(config: RunConfig) -> tuple[RunConfig, mnist.Dataset]:
    """Load the data set, after downloading it if that is asked for. Return options that name it, and the set.

    Raises UserError if the data cannot be used, or if a package for the results is missing.
    """
    if config.tensorboard:
        check_available()
    remove_abandoned()
    if config.download is not None and config.data_dir is not None:
        downloaded = download(config.download, config.data_dir, config.python("torch"))
        config = dataclasses.replace(config, data_dir=downloaded)
    return config, mnist.load(config.data_dir, config.spec())


def resumed(config: RunConfig, dataset: mnist.Dataset) -> Results:
    """Return the results of an interrupted run. Raises UserError if anything has changed since it began."""
    assert config.resume is not None
    results = read_results(config.resume)
    if results.config.task:
        raise UserError(
            f"--resume: the run in {config.resume} is of {results.config.task}. Name its files again "
            "with --task, --tensorflow-module and --torch-module."
        )
    refuse_unknown_fields(config.resume, results)
    remove_half_written(config.resume)
    check_unchanged(results, dataset.sha256)
    check_versions(results, present_versions(config))
    check_devices(config)
    return results


def gate_label(entrant: Entrant) -> str:
    """Return the ladder's name of an entrant: a variant climbs once for each device and number of ranks."""
    return Label.read(entrant.label).on(entrant.device).climber


def in_order(runs: Sequence[Launch], config: RunConfig) -> list[Launch]:
    """Sort launches by seed, then in the order of --device and --variants."""
    places = {(e.label, e.device): place for place, e in enumerate(entrants(config))}
    return sorted(runs, key=lambda run: (run.seed, places[run.label, run.device]))


def resumed_words(results: Results) -> str:
    seeds = sorted({run.seed for run in results.runs if run.ended})
    return f"with {count(len(results.runs), 'finished launch')} of seed {', '.join(map(str, seeds))}"


def kept_out(parity: Gate, entrant: Entrant) -> tuple[Status, str] | None:
    """Return the status and reason with which the gate excludes an entrant; None if it is proved."""
    if entrant.ranks and (reason := entrant.variant.why_no_ranks()):
        return "unavailable", reason
    label = gate_label(entrant)
    for climb in parity.climbs:
        rung = climb.failing
        if rung is not None and label in (rung.wrong or climb.labels):
            return "failed", f"not trained, because parity {failure(climb, rung)}"
    if label in parity.left_out:
        reason = parity.left_out[label].removeprefix(f"{label}: ")
        if label in parity.unavailable:
            return "unavailable", reason
        return "failed", f"not trained, because it could not climb the parity ladder: {reason}"
    return None


def distrust(results: Results) -> None:
    """Take all launches of a variant out of the ranking if one of them was not as proved."""
    every = [*results.runs, *results.thread_runs]
    found = {(run.label, run.device): run for run in every if run.not_proved_from is not None}
    for run in every:
        known = found.get((run.label, run.device))
        if known is not None and run.status == "ok":
            run.status = "failed"
            run.reason = f"another launch of this variant, of seed {known.seed}, did not train as proved"


def thread_steps(config: RunConfig) -> int:
    """Return how many steps a launch takes that only shows how the step scales with threads."""
    return min(config.steps, 120)


def recorded(config: RunConfig, dataset: mnist.Dataset) -> Config:
    """Return the used options and the values that follow from them, without the paths of this machine."""
    record = recorded_options(config)
    record["threads"], record["thread_counts"] = config.thread_count, list(config.threads)
    record["data"] = {
        "source": set_name(dataset.sha256),
        "doubts": [] if config.data_dir is None else doubts(dataset),
        "sha256": dataset.sha256,
        "train_images": len(dataset.train_labels),
        "validation_images": len(dataset.validation_labels),
        "test_images": len(dataset.test_labels),
    }
    record["spec"] = config.spec()
    return msgspec.convert(record, Config)
