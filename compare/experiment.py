"""One run from config to results: data, devices, training seed by seed, comparisons, files."""

from __future__ import annotations

import dataclasses
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from compare import machine
from compare.comparisons import batch_sweep, compare_runs, warnings_about
from compare.config import Entrant, RunConfig, check, entrants
from compare.cuda.card import CardWatch, watch
from compare.data import mnist
from compare.data.download import download
from compare.data.pairing import doubts
from compare.devices import check_devices
from compare.errors import UserError
from compare.event_files import check_available, write_events
from compare.ladder.config import on_device
from compare.ladder.gate import gate
from compare.rendering import markdown, tables, terminal
from compare.rendering.progress import TrainingProgress
from compare.report import render
from compare.results import Results, Run, write_atomically, write_results
from compare.training import new_run, train_seed


@dataclass
class Experiment:
    """A checked config, its data set and its directory; `execute` does the work once."""

    config: RunConfig
    dataset: mnist.Dataset
    directory: Path
    entrants: list[Entrant]
    console: Console
    card: CardWatch | None = None

    @classmethod
    def prepare(cls, config: RunConfig, console: Console | None = None) -> Experiment:
        """Raises UserError where the options, the data, the devices or the directory will not do."""
        check(config)
        if config.tensorboard:
            check_available()
        if config.download and config.data_dir is not None:
            downloaded = download("MNIST", config.data_dir, config.torch_python)
            config = dataclasses.replace(config, data_dir=downloaded)
        dataset = mnist.load(config.data_dir, config.spec())
        directory = new_directory(config.out)
        check_devices(config, directory)
        return cls(config, dataset, directory, entrants(config), console or Console(highlight=False))

    def execute(self) -> Results:
        """Trains every seed, printing and writing as it goes. Interrupted, it leaves what was finished."""
        results = Results(config=config_record(self.config, self.dataset), environment=machine.describe())
        self.console.print(terminal.headline(self.config, self.dataset), markup=False)
        self.card = watch(self.config.devices(), os.environ)
        if self.card is not None:
            results.environment["card"] = self.card.record
        self.climb(results)
        with self.progress() as progress:
            for seed in self.config.seed_range():
                results.environment["cpu_mhz"].append(machine.cpu_mhz())
                for device in self.config.devices():
                    group = [entrant for entrant in self.entrants if entrant.device == device]
                    self.train_group(group, seed, results, progress)
                    self.train_other_thread_counts(group, seed, results, progress)
        if self.card is not None:
            self.card.finish()
        without_proof(results)
        self.write(results)
        if self.config.tensorboard:
            write_events(results, self.directory)
        render(results, self.directory)
        self.console.print(terminal.summary(results, self.console.width))
        self.console.print(f"report    {self.directory / 'report.html'}", markup=False, soft_wrap=True)
        return results

    def climb(self, results: Results) -> None:
        """The parity gate: what does not compute the same function is not trained, and keeps its rows."""
        with self.console.status("climbing the parity ladder") as status:
            parity = gate(self.config, self.entrants, self.dataset, self.directory, say=status.update)
        results.parity = parity
        self.console.print(f"parity    {parity['summary']}", markup=False)
        wrong = wrong_labels(parity)
        for entrant in self.entrants:
            if gate_label(entrant) in wrong:
                for seed in self.config.seed_range():
                    run = new_run(self.config, entrant, seed)
                    run.reason = f"not trained, since parity {parity['summary']}"
                    results.runs.append(run)
        self.entrants = [entrant for entrant in self.entrants if gate_label(entrant) not in wrong]
        self.write(results)

    def progress(self) -> TrainingProgress:
        seeds = self.config.seeds
        steps = {entrant.label: 0 for entrant in self.entrants}
        others = len(self.config.thread_counts()) - 1
        for entrant in self.entrants:
            steps[entrant.label] += (self.config.steps + others * thread_steps(self.config)) * seeds
        return TrainingProgress(self.console, steps, launches=len(self.entrants) * seeds * (1 + others))

    def train_group(
        self, group: list[Entrant], seed: int, results: Results, progress: TrainingProgress
    ) -> None:
        finished = list(results.runs)

        def save(runs: list[Run]) -> None:
            if self.card is not None:
                self.card.sample()
            results.runs = finished + runs
            write_results(results, self.directory)

        try:
            train_seed(self.config, group, seed, self.dataset, self.directory, progress=progress, save=save)
        finally:
            self.write(results)

    def train_other_thread_counts(
        self, group: list[Entrant], seed: int, results: Results, progress: TrainingProgress
    ) -> None:
        """Short launches at the counts of --threads before the last, in directories of their own."""
        for count in self.config.thread_counts()[:-1]:
            config = dataclasses.replace(
                self.config, threads=str(count), batch_sizes="", steps=thread_steps(self.config)
            )
            directory = self.directory / f"threads-{count}"
            directory.mkdir(exist_ok=True)
            finished = list(results.thread_runs)
            runs = train_seed(
                config, group, seed, self.dataset, directory, progress=progress, save=lambda _: None
            )
            results.thread_runs = finished + runs
            self.write(results)

    def write(self, results: Results) -> None:
        """Everything that is derived from the rows so far, then the rows."""
        results.comparisons = compare_runs(results.runs)
        results.warnings = warnings_about(results)
        results.batch_sweep = batch_sweep(results.runs)
        write_results(results, self.directory)
        write_atomically(self.directory / "curves.csv", tables.curves_csv(results.runs).encode())
        write_atomically(self.directory / "report.md", markdown.report(results, []).encode())


def gate_label(entrant: Entrant) -> str:
    """How the ladder names an entrant: each variant once on each device."""
    return on_device(entrant.variant.name, entrant.device)


def wrong_labels(parity: dict[str, Any]) -> set[str]:
    """Whom the failed climbs name as wrong; both sides, where the oracle does not decide."""
    wrong: set[str] = set()
    for climb in parity["climbs"]:
        failing = [rung for rung in climb["rungs"] if rung["verdict"] == "fail"]
        if failing:
            wrong.update(failing[0]["wrong"] or climb["labels"])
    return wrong


def without_proof(results: Results) -> None:
    """What trained but could not climb, as where the system killed it on the ladder, does not count."""
    left_out: dict[str, str] = (results.parity or {}).get("left_out", {})
    for run in results.runs:
        reason = left_out.get(on_device(f"{run.framework}:{run.variant}", run.device))
        if reason is not None and run.status == "ok":
            run.status, run.reason = "failed", f"trained, but not on the parity ladder: {reason}"


def thread_steps(config: RunConfig) -> int:
    """Steps of a launch that only shows how the step scales with threads."""
    return min(config.steps, 120)


def config_record(config: RunConfig, dataset: mnist.Dataset) -> dict[str, Any]:
    """The options as they were used, without paths of this machine, and what they stand for."""
    record: dict[str, Any] = msgspec.to_builtins(dataclasses.asdict(config), enc_hook=str)
    for path in ("out", "data_dir", "tf_python", "torch_python"):
        del record[path]
    record["threads"], record["thread_counts"] = config.thread_count, config.thread_counts()
    record["data"] = {
        "source": dataset.source if config.data_dir is None else "/".join(Path(dataset.source).parts[-2:]),
        "doubts": [] if config.data_dir is None else doubts(dataset),
        "sha256": dataset.sha256,
        "train_images": len(dataset.train_labels),
        "test_images": len(dataset.test_labels),
    }
    record["spec"] = dataclasses.asdict(config.spec())
    return record


def new_directory(out: Path | None) -> Path:
    """Creates the run's directory; refuses one that already holds files."""
    if out is None:
        out = Path("runs") / time.strftime("%Y-%m-%dT%H-%M-%S")
    try:
        out.mkdir(parents=True, exist_ok=True)
        if any(out.iterdir()):
            raise UserError(f"--out: {out} is not empty. Name a new directory, so that no result is lost.")
        if not os.access(out, os.W_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        raise UserError(
            f"--out: {out} cannot be written to: {error.strerror}. Name a directory that can."
        ) from error
    return out
