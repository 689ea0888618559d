"""Runs of several machines: joined, taken apart, compared, and refused if they measured other work."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from compare.errors import UserError
from compare.findings.findings import find
from compare.findings.machines import AcrossMachines, across, apart, join_results, names
from compare.merge import MergeConfig, joined_runs, merge
from compare.records.foreign import read_results
from compare.records.results import Results, write_results
from compare.report import ReportConfig, report
from compare.statistics.machine_wording import machines_sentence
from tests.rendering import synthetic

XEON = "Intel Xeon"
Write = Callable[[str, Results], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write results into a directory of that name, as a run does."""

    def write(name: str, results: Results) -> Path:
        place = tmp_path / name
        place.mkdir()
        write_results(results, place)
        return place

    return write


def on(cpu: str, *, torch_slower: float = 1.0, first_seed: int = 0) -> Results:
    """Return a run of another machine, on which torch takes so many times as long."""
    results = synthetic.results(steps=60)
    results.environment.cpu = cpu
    for run in results.runs:
        run.seed += first_seed
        if run.framework == "torch":
            run.step_seconds = [seconds * torch_slower for seconds in run.step_seconds]
    return results


def test_joining_and_taking_apart_keeps_every_launch(write: Write) -> None:
    """Each machine gets back its own launches, environment and threads, after a way through the file."""
    first, second = on("AMD EPYC"), on(XEON)
    second.config.threads = 8
    for results in (first, second):
        write(results.environment.cpu or "", results)
    read = read_results(write("both", join_results([first, second])))
    parts = apart(read)
    assert [one.environment.cpu for one in parts.values()] == ["AMD EPYC", XEON]
    assert [one.config.threads for one in parts.values()] == [2, 8]
    for before, after in zip((first, second), parts.values(), strict=True):
        assert msgspec.to_builtins(after.runs) == msgspec.to_builtins(before.runs)


def test_the_ratio_is_worked_out_within_each_machine(write: Write) -> None:
    """Step times of two machines are never put together."""
    one, other = on("AMD EPYC"), on(XEON, torch_slower=2.0)
    for results in (one, other):
        write(results.environment.cpu or "", results)
    parts = apart(join_results([one, other]))
    [compared] = across({name: find(parts[key], name) for key, name in names(parts).items()})
    first, second = compared.machines.by_machine.values()
    assert first.estimate is not None
    assert second.estimate == pytest.approx(2 * first.estimate)
    assert compared.machines.pooled is None


def test_three_machines_are_pooled_and_a_fourth_is_predicted(write: Write, tmp_path: Path) -> None:
    """The report's first sentence says on how many machines; two alike are told apart by number."""
    runs = [on("AMD EPYC"), on(XEON, torch_slower=0.95), on(XEON, torch_slower=0.9)]
    runs[2].environment.host_digest = "another"
    places = [write(f"m{number}", one) for number, one in enumerate(runs)]
    out, sentences = merge(MergeConfig(tuple(places), tmp_path / "out"))
    assert sentences[0].startswith(
        "PyTorch eager is 1.32× as fast as TensorFlow eager on all 3 machines: step time"
    )
    assert "One more machine can be expected to give" in sentences[0]
    text = (out / "report.html").read_text()
    assert f"{XEON}, 2 CPUs (2)" in text
    assert sentences[0] in text
    assert "1.32×<" in text  # the large figure is the one that the sentence begins with
    assert len(list((out / "machines").glob("*/report.html"))) == 3
    report(ReportConfig((out,), tmp_path / "again"))
    assert sentences[0] in (tmp_path / "again" / "report.md").read_text().replace("\\", "")


def compared(*places: Path) -> dict[str, AcrossMachines]:
    """Return the comparison of each device over the machines of these runs."""
    parts = apart(joined_runs(MergeConfig(places))[0])
    found = across({name: find(parts[key], name) for key, name in names(parts).items()})
    return {one.other.device: one for one in found}


def test_two_machines_are_shown_and_not_pooled(write: Write) -> None:
    """Both ratios stand there, and that a third machine is needed."""
    found = compared(write("a", on("AMD EPYC")), write("b", on(XEON)))
    sentence = machines_sentence(found["cpu"].machines, "PyTorch", "TensorFlow")
    assert "on AMD EPYC, 2 CPUs and" in sentence
    assert "Measure on 1 more machine to" in sentence


def test_seeds_of_one_machine_add_up(write: Write) -> None:
    """As from an array of jobs, each with a --first-seed of its own."""
    results, _ = joined_runs(MergeConfig((write("a", on(XEON)), write("b", on(XEON, first_seed=3)))))
    assert len(results.machines) == 1
    assert results.config.seeds == 6


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda one: setattr(one.config, "batch_size", 64), "the batch size is 128 in a and 64 in b"),
        (lambda one: setattr(one.config.data, "sha256", "0"), "the data set is"),
        (lambda one: setattr(one.environment, "code_version", "0.2.0 (abc)"), "the code version is"),
        (
            lambda one: [run.versions.update(tensorflow="2.20") for run in one.runs],
            "the version of tensorflow is",
        ),
    ],
)
def test_other_work_is_refused_by_name(
    write: Write, tmp_path: Path, change: Callable[[Results], None], named: str
) -> None:
    """Unless it is accepted; a refusal leaves nothing behind."""
    other = on(XEON)
    change(other)
    places = write("a", on("AMD EPYC")), write("b", other)
    with pytest.raises(UserError, match=named):
        merge(MergeConfig(places, tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    _, differences = joined_runs(MergeConfig(places, accept_differences=True))
    assert named in differences[0]


def test_one_launch_counts_once(write: Write) -> None:
    """The same seeds of the same machine, in two files, would be two launches that were one."""
    places = write("a", on(XEON)), write("b", on(XEON))
    with pytest.raises(UserError, match="a and b both hold seed 0 of tf:eager on one machine"):
        joined_runs(MergeConfig(places))


def test_what_only_some_machines_have_is_compared_there(write: Write) -> None:
    """A machine with a card gives rows that another cannot: each comparison says over how many it goes."""
    both = synthetic.results(devices=("cpu", "cuda"), steps=60)
    both.environment.cpu = XEON
    found = compared(write("a", on("AMD EPYC")), write("b", both))
    assert {device: len(one.machines.by_machine) for device, one in found.items()} == {"cpu": 2, "cuda": 1}


def test_a_file_of_the_first_version_has_a_machine(write: Write) -> None:
    """Its environment's; the launches get its id."""
    place = write("old", on(XEON))
    held = json.loads((place / "results.json").read_text())
    del held["machines"]
    held["schema_version"] = 1
    for run in held["runs"]:
        del run["machine"]
    (place / "results.json").write_text(json.dumps(held))
    read = read_results(place)
    assert list(read.machines) == [read.environment.machine_id]
    assert {run.machine for run in read.runs} == set(read.machines)


def test_a_machine_is_known_again_after_its_system_was_renewed() -> None:
    """The kernel and packages do not make another machine of it; the processor and the CPUs do."""
    here = on(XEON).environment
    renewed = msgspec.structs.replace(here, kernel="7.0", python="3.13.0", load_average_1min=3.0)
    assert renewed.machine_id == here.machine_id
    assert msgspec.structs.replace(here, cpus_usable=1).machine_id != here.machine_id
    assert msgspec.structs.replace(here, host_digest="another").machine_id != here.machine_id
