"""Writes the sections of docs/distributed.md from docs/results/ranks.json: sentences, tables, charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median

from compare.numbers import count, format_ratio, format_seconds
from compare.records.files import write_atomically
from compare.rendering.look import plain
from compare.rendering.markdown import table
from compare.rendering.trap_table import rung_name
from compare.statistics.intervals import Interval, ratio_interval
from compare.statistics.verdicts import ratio_verdict
from tools.ranks import charts
from tools.ranks.arms import AGAIN, APART, ONE_THREAD, TOGETHER, TWO_THREADS, WRAPPED, Arm
from tools.ranks.charts import timed, title
from tools.ranks.model import over_link, seconds_of
from tools.ranks.proofs import height
from tools.ranks.record import RESULT, Launch, Link, LongTraining, Proof, Record, TriedTrap, read

NOTHING = "Not measured yet: `make ranks` does it on your machine."
COMPARED: tuple[tuple[str, Arm, Arm], ...] = (
    ("two processes ÷ two threads", TOGETHER, TWO_THREADS),
    ("a second thread", TWO_THREADS, ONE_THREAD),
    ("the engine, alone", WRAPPED, TWO_THREADS),
    ("half the batch in each of two", APART, ONE_THREAD),
    ("exchange of gradients", TOGETHER, APART),
    ("two processes ÷ one, a thread each", TOGETHER, ONE_THREAD),
    ("A/A: the last arm ÷ itself", AGAIN, TOGETHER),
)


def main() -> None:
    """Draw the charts into the directory of the record, if there is a record."""
    record = read(RESULT) if RESULT.exists() else Record()
    for chart in [charts.arms_chart(record.arms), charts.model_chart(record.arms)] if record.arms else []:
        write_atomically(RESULT.parent / f"{chart.name}.svg", plain(chart.drawing).encode())


def sections() -> dict[str, str]:
    """Return the marked sections of the page, by name."""
    return filled(read(RESULT) if RESULT.exists() else Record())


def filled(record: Record) -> dict[str, str]:
    """Return each section. A section without a measurement says so."""

    def shown(part: str, make: Callable[[Record], str]) -> str:
        if not getattr(record, part):
            return NOTHING
        machine = record.environments[part]
        return f"{make(record)}\n\n{machine.cpu}, {count(machine.cpus_usable or 0, 'CPU')}."

    return {
        "ranks_arms": shown("arms", lambda one: arms_section(one.arms)),
        "ranks_proofs": shown("proofs", lambda one: proofs_section(one.proofs)),
        "ranks_losses": shown("losses", lambda one: losses_section(one.losses)),
        "ranks_traps": shown("traps", lambda one: traps_section(one.traps)),
        "ranks_hosts": shown("hosts", lambda one: hosts_section(one.hosts)),
        "ranks_kills": shown("kills", kills_section),
    }


def ratio(launches: Sequence[Launch], variant: str, other: Arm, baseline: Arm) -> Interval:
    """Return other ÷ baseline over the launches of a variant."""
    seconds = seconds_of(launches, variant)
    return ratio_interval(seconds[other.name], seconds[baseline.name])


def arms_section(launches: Sequence[Launch]) -> str:
    """Return what a user should do, then the charts, then each cost as a ratio."""
    sentences = [
        ratio_verdict(
            ratio(launches, variant, TOGETHER, TWO_THREADS),
            other=f"{title(variant)} in two processes with one thread each",
            baseline=f"{title(variant)} in one process with two threads",
        ).sentence
        for variant in timed(launches)
    ]
    drawn = [charts.arms_chart(launches), charts.model_chart(launches)]
    pictures = [f"![{chart.title}. {chart.message}](results/{chart.name}.svg)" for chart in drawn]
    rows = [
        [what, *(format_ratio(ratio(launches, variant, *pair)) for variant in timed(launches))]
        for what, *pair in COMPARED
    ]
    compared = table(["step time", *map(title, timed(launches))], rows)
    again = [
        ratio_verdict(ratio(launches, variant, AGAIN, TOGETHER), other="the same", baseline=title(variant))
        for variant in timed(launches)
    ]
    same = "; ".join(
        f"{title(variant)}: {verdict.words}" for variant, verdict in zip(timed(launches), again, strict=True)
    )
    each = f"{launches[0].steps:,} steps of batch {launches[0].batch_size} in each launch."
    bullets = "\n".join(f"- {sentence}" for sentence in sentences)
    return "\n\n".join([bullets, *pictures, compared, f"A/A in words: {same}. {each}"])


def proofs_section(proofs: Sequence[Proof]) -> str:
    """Return a row for each variant and world size, with the larger difference of the two dropout states."""
    rows = []
    for variant, ranks in dict.fromkeys((one.variant, one.ranks) for one in proofs):
        own = [one for one in proofs if (one.variant, one.ranks) == (variant, ranks)]
        failed = [one.reason or "fails" for one in own if not one.passed]
        verdict = failed[0] if failed else f"{min(map(height, own))} of {len(own[0].rungs)} rungs"
        rows.append([title(variant), str(ranks), verdict, *(largest(own, number) for number in (6, 7, 8))])
    header = ["variant", "ranks", "in float64", "gradients", "one Adam step", f"{proofs[0].steps} steps"]
    words = f"Batches of {proofs[0].batch_size}, without and with dropout; relative to the oracle."
    return f"{table(header, rows)}\n\n{words}"


def largest(proofs: Sequence[Proof], number: int) -> str:
    """Return the largest difference at a rung, over both states of dropout."""
    found = [
        rung.relative for one in proofs for rung in one.rungs
        if rung.number == number and rung.relative is not None
    ]  # fmt: skip
    return f"{max(found):.1e}" if found else ""


def losses_section(trainings: Sequence[LongTraining]) -> str:
    """Return a row for each variant and number of ranks."""
    header = ["variant", "ranks", "steps", "losses within"]
    rows = [
        [title(one.variant), str(one.ranks), f"{one.steps:,}", f"{one.largest_difference:.1e}"]
        for one in trainings
    ]
    return f"{table(header, rows)}\n\nBatches of {trainings[0].batch_size}, in float64."


def traps_section(traps: Sequence[TriedTrap]) -> str:
    """Return a row for each mistake, as in docs/parity.md."""
    rows = [
        [
            one.name,
            one.mistake,
            str(one.ranks),
            rung_name(one.caught_rung),
            one.first_failing or "",
            "" if one.test_accuracy is None else f"{one.test_accuracy:.2%}",
            "" if one.accuracy_misses_it is None else "misses it" if one.accuracy_misses_it else "shows it",
        ]
        for one in traps
    ]
    caught = sum(one.caught_rung == one.declared_rung for one in traps)
    missed = sum(bool(one.accuracy_misses_it) for one in traps)
    header = ["mistake", "in words", "ranks", "caught at rung", "first in", "test accuracy", "a look at it"]
    words = (
        f"The ladder caught {caught} of {len(traps)} at the declared rung. The test accuracy after "
        f"{traps[0].training_steps} steps would have missed {missed}."
    )
    return f"{words}\n\n{table(header, rows)}"


def hosts_section(links: Sequence[Link]) -> str:
    """Return a row for each speed of the link, with the model's prediction."""
    rows = []
    for variant in dict.fromkeys(one.variant for one in links):
        own = [one for one in links if one.variant == variant]
        free = next(one.median_step_seconds for one in own if one.mbit is None)
        rows += [
            [
                title(variant),
                f"{one.mbit:,} Mbit/s" if one.mbit else "no limit",
                format_seconds(one.median_step_seconds),
                format_seconds(over_link(free, one.gradient_bytes, one.mbit)),
                "" if one.largest_difference is None else f"{one.largest_difference:.0e}",
            ]
            for one in own
        ]
    header = ["variant", "link", "median step", "by the model", "losses within, in float64"]
    return table(header, rows)


def kills_section(record: Record) -> str:
    """Return a sentence on how many groups ended as they must."""
    killed = record.kills
    sound = sum(one.named_rightly and not one.left_running for one in killed)
    slowest = format_seconds(median(one.after_seconds for one in killed))
    return (
        f"{len(killed)} times a random rank of three was killed, after {slowest} in the median: "
        f"{count(sound, 'group')} ended, named that rank, and left no process running."
    )
