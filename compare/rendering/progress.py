"""Shows live progress on a terminal, and prints a line at intervals on any other output."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from statistics import median
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from compare.findings.comparisons import compare_runs
from compare.numbers import count, format_duration, format_ratio
from compare.records.results import Launch

LINE_EVERY_SECONDS = 30.0


class Estimate:
    """Estimates the time left from the cost of each label's steps and launches so far."""

    def __init__(self, steps: dict[str, int], launches: int, clock: Callable[[], float]) -> None:
        self.clock, self.started = clock, clock()
        self.left = dict(steps)  # remaining steps, by label
        self.launches_left = launches
        self.done: dict[str, int] = defaultdict(int)
        self.seconds: dict[str, float] = defaultdict(float)
        self.launched_count, self.launch_seconds = 0, 0.0

    def trained(self, label: str, steps: int, seconds: float) -> None:
        self.left[label] -= steps
        self.done[label] += steps
        self.seconds[label] += seconds

    def launched(self, launches: int, seconds: float) -> None:
        """Record that `launches` launches have started, and that they took `seconds` together."""
        self.launches_left -= launches
        self.launched_count += launches
        self.launch_seconds += seconds

    def remaining_seconds(self) -> float | None:
        """Return the time left; None before the first step. A label without a step yet counts as average."""
        total_done = sum(self.done.values())
        if not total_done:
            return None
        average = sum(self.seconds.values()) / total_done
        training = sum(
            left * (self.seconds[label] / self.done[label] if self.done[label] else average)
            for label, left in self.left.items()
        )
        # all other work (evaluation, digests, files) grows with steps and launches
        elapsed = self.clock() - self.started
        counted = sum(self.seconds.values()) + self.launch_seconds
        overhead = max(1.0, elapsed / counted) if counted else 1.0
        launch = self.launch_seconds / max(1, self.launched_count)
        return overhead * (training + self.launches_left * launch)


class RatioSoFar:
    """The step time of the second label ÷ the first's: measured by block at first, then by launch."""

    def __init__(self) -> None:
        self.block_rates: dict[str, list[float]] = defaultdict(list)  # seconds per step, by label
        self.finished: list[Launch] = []
        self.by_launch = ""

    def trained(self, label: str, steps: int, seconds: float) -> None:
        self.block_rates[label].append(seconds / steps)

    def ended(self, launch: Launch) -> None:
        """Recalculate the ratio, with its interval if both labels have two launches."""
        if launch.status == "ok":
            self.finished.append(launch)
            times = [one for one in compare_runs(self.finished) if one.metric == "step_seconds"]
            first = next((one for one in times if one.across), times[0] if times else None)
            if first is not None and first.verdict.interval.estimate is not None:
                interval = first.verdict.interval
                ratio = f"{first.other.title} ÷ {first.baseline.title} {format_ratio(interval)}"
                self.by_launch = f"{ratio}, {count(interval.launches, 'launch')}"

    def text(self) -> str:
        """Return the ratio as text; empty until two labels have trained."""
        if self.by_launch or len(self.block_rates) < 2:
            return self.by_launch
        (first, own), (second, other), *_ = self.block_rates.items()
        return f"{second} ÷ {first} {median(other) / median(own):.2f}× so far"


class TrainingProgress:
    """A progress bar with the time left. Implements `training.Progress`, and is a context manager."""

    def __init__(
        self,
        console: Console,
        steps: dict[str, int],
        launches: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.console, self.clock = console, clock
        self.total = sum(steps.values())
        self.done = 0
        self.estimate = Estimate(steps, launches, clock)
        self.ratio = RatioSoFar()
        self.launching_since: float | None = None
        self.launching = 0
        self.last_line = clock()
        self.bar = Progress(
            TextColumn("training "),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TextColumn("steps  {task.fields[times]}"),
            TextColumn("{task.description}", style="dim"),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=self.total, times="")

    def starting(self, labels: list[str], seed: int) -> None:
        self.launching_since, self.launching = self.clock(), len(labels)
        self._show(f"starting {', '.join(labels)}, seed {seed}")

    def trained(self, label: str, steps: int, seconds: float) -> None:
        self._launch_ended()
        self.done += steps
        self.estimate.trained(label, steps, seconds)
        if steps:
            self.ratio.trained(label, steps, seconds)
        self._show(label)

    def ended(self, run: Launch, steps_not_done: int) -> None:
        self._launch_ended()
        self.ratio.ended(run)
        if steps_not_done:
            self.done += steps_not_done
            self.estimate.left[run.label] -= steps_not_done
        if run.status != "ok":
            self.console.print(f"{run.label} seed {run.seed}: {run.status}: {run.reason}", markup=False)
        self._show("")

    def _launch_ended(self) -> None:
        if self.launching_since is not None:
            self.estimate.launched(self.launching, self.clock() - self.launching_since)
            self.launching_since = None

    def _show(self, doing: str) -> None:
        left = self.estimate.remaining_seconds()
        elapsed = format_duration(self.clock() - self.estimate.started)
        times = elapsed if left is None else f"{elapsed} · {format_duration(left)} left"
        times = " · ".join(filter(None, (times, self.ratio.text())))
        self.bar.update(self.task, completed=self.done, times=times, description=doing)
        if not self.console.is_terminal and self.clock() - self.last_line >= LINE_EVERY_SECONDS:
            self.last_line = self.clock()
            self.console.print(f"training  {self.done:,}/{self.total:,} steps  {times}")

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.bar.stop()
        if kind is None and not self.console.is_terminal:
            elapsed = format_duration(self.clock() - self.estimate.started)
            self.console.print(f"training  {self.done:,}/{self.total:,} steps  {elapsed}")
