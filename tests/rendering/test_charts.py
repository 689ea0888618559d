"""Every chart is valid, says what it shows, and is left out where there is nothing to show."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from compare.findings.findings import Findings, find
from compare.labels import Label
from compare.records.parity import read as read_parity
from compare.records.results import Launch
from compare.rendering import look, page
from compare.rendering.charts import accuracy, charts, divergence, scaling, timing
from compare.rendering.charts.frame import Chart, all_or_extremes, decades, slug
from compare.rendering.groups import device_panels, groups
from tests.rendering import synthetic

ROOT = Path(__file__).parents[2]
EAGER = Label("tf", "eager")
ON_CARD = Label("torch", "eager", device="cuda")
FAMILY = ("tf:eager", "tf:graph", "torch:eager", "torch:tuned")


@pytest.fixture(scope="module")
def explained() -> list[Findings]:
    """Return results with everything that a chart can show."""
    return synthetic.found(*FAMILY, seeds=2, devices=("cpu", "cuda"), steps=60, explained=True)


@pytest.fixture(scope="module")
def drawn(explained: list[Findings]) -> list[Chart]:
    """Return every chart of them."""
    return charts(explained)


def test_every_kind_of_chart_is_drawn(drawn: list[Chart]) -> None:
    """Complete results give each chart once, per device where the devices' scales differ."""
    names = [chart.name for chart in drawn]
    assert names == [
        *("ratio", "ratio-torch-eager"),
        *("step-time-cpu", "step-time-cuda"),
        *("loss-linear-cpu", "loss-log-cpu", "loss-linear-cuda", "loss-log-cuda"),
        "test-accuracy",
        *("divergence-cpu", "divergence-cuda"),
        *("batch-size-cpu", "batch-size-cuda"),
        *("phases-cpu", "phases-cuda"),
        *("share-of-peak", "throughput", "cold-start", "memory", "device-memory"),
    ]


def test_every_chart_is_valid_vega_lite(drawn: list[Chart]) -> None:
    """Altair's schema accepts each, though a report skips that check for speed."""
    for chart in drawn:
        chart.picture.to_dict(validate=True)


def test_every_chart_has_a_text_alternative_with_numbers(drawn: list[Chart]) -> None:
    """Its message names a number, and a table of numbers stands beside it."""
    for chart in drawn:
        assert any(character.isdigit() for character in chart.message), chart.name
        assert chart.spec()["description"] == chart.message
        assert chart.numbers, chart.name


def test_svg_files_use_plain_colours(drawn: list[Chart]) -> None:
    """An SVG file is read where no style sheet gives CSS variables a value."""
    text = look.plain(drawn[0].drawing)
    assert "var(" not in text
    assert '"#4a4fc4"' in text


def test_nothing_to_show_gives_no_chart() -> None:
    """Neither without a launch nor with one that took no step."""
    assert charts([find(synthetic.rows())]) == []
    assert charts([find(synthetic.rows(failed_run()))]) == []


def test_only_what_was_measured_is_drawn() -> None:
    """Without comparisons, phases, peaks and a sweep, those charts are absent."""
    names = {chart.name for chart in charts(synthetic.found("tf:eager", steps=60))}
    assert names == {
        "step-time-cpu",
        "loss-linear-cpu",
        "loss-log-cpu",
        "test-accuracy",
        "cold-start",
        "memory",
    }


def test_each_launch_has_its_own_mark() -> None:
    """The launch effect is seen: ten launches of two variants are twenty marks, none on another."""
    results = synthetic.results(seeds=10, steps=60)
    [panel] = device_panels([find(results)])
    launches, labels, _ = timing.launch_rows(panel.groups)
    assert len({mark["y"] for mark in launches}) == 20
    run = results.runs[0]
    assert launches[0]["median"] == pytest.approx(median(run.timed_seconds) * 1000, rel=1e-4)
    assert [label["title"] for label in labels] == ["TensorFlow eager", "PyTorch eager"]


def test_a_ratio_without_an_interval_is_not_drawn() -> None:
    """One launch gives a ratio, and no interval around it."""
    assert timing.ratios(synthetic.found(steps=60, seeds=1)) == []


def test_ratio_ticks_keep_their_distance() -> None:
    """1 is among them, and no two labels overlap."""
    ticks = timing.ratio_ticks(0.3, 1.4)
    assert 1.0 in ticks
    assert all(later / earlier > 1.1 for earlier, later in pairwise(ticks))


def test_divergence_pairs_equal_seeds() -> None:
    """The gap is between launches that saw the same batches; a seed that one side lacks is left out."""
    results = synthetic.results(seeds=2, steps=3)
    for run in results.runs:
        run.losses = [float(run.seed)] * 3 if run.framework == "tf" else [run.seed + 0.5] * 3
    del results.runs[-1]
    one, other = groups([find(results)])
    assert divergence.loss_gap(one, other) == [0.5, 0.5, 0.5]


def test_divergence_reads_what_the_ladder_recorded(explained: list[Findings]) -> None:
    """The losses of the gate's climb in float64; nothing if there was none."""
    [curve] = divergence.gate_curves(explained[0].parity)
    assert 0 < curve.largest[-1] < 1e-13
    assert divergence.gate_curves(None) == []


def test_a_proof_is_drawn_with_its_noise_floor() -> None:
    """Each climb's pair, the pair in float32, and each framework from itself if it parts at all."""
    [chart] = filter(None, [divergence.proof_chart(read_parity(ROOT / "docs" / "results" / "parity.json"))])
    names = [name for name, _ in chart.numbers]
    assert names[0] == "tf:eager and torch:eager, float64"
    assert names[1].endswith("float64, dropout")
    assert "tf:eager itself, weights moved by 1 ulp" in names
    chart.picture.to_dict(validate=True)


def test_labels_at_line_ends_do_not_cover_each_other() -> None:
    """They move apart by as little as that takes, around where they stood."""
    places = scaling.spread([10, 11, 12, 40, 90, 91], 14)
    assert all(b - a >= 14 - 1e-9 for a, b in pairwise(places))
    assert places[3] == 40  # what is alone stays where it is
    assert sum(places[:3]) / 3 == pytest.approx(11)


def test_a_batch_sweep_is_read_from_the_launches_too() -> None:
    """Each point is the median of the launch's times at that size."""
    results = synthetic.results(steps=60)
    for run in results.runs:
        run.batch_size_seconds = {"8": [0.004, 0.005, 0.006], "128": [0.03]}
    points = scaling.batch_points([find(results)])
    assert points[:2] == [scaling.Point(EAGER, 8, 0.005), scaling.Point(EAGER, 128, 0.03)]


def test_a_batch_sweep_tells_the_fixed_cost_and_the_cost_per_image() -> None:
    """From times that are 3 ms and a cost per image, as the made-up ones are."""
    found = synthetic.found("tf:eager", "torch:tuned", steps=60, explained=True)
    [chart] = scaling.batch_sweep(found)
    assert "fixed TensorFlow eager 3.00 ms; PyTorch tuned 3.00 ms" in chart.message
    assert "per image TensorFlow eager 242 µs; PyTorch tuned 126 µs" in chart.message
    assert dict(chart.numbers)["TensorFlow eager"].endswith("3.00 ms + 242 µs an image, within 0 %")


def test_a_step_of_mostly_fixed_cost_is_called_launch_bound() -> None:
    """A flat line, as a GPU gives, and a climbing one beside it."""
    sizes = (1, 8, 32, 128, 512)
    flat = [
        scaling.Point(Label("torch", "eager", device="cuda"), size, 0.001 + 1e-7 * size) for size in sizes
    ]
    climbing = [scaling.Point(EAGER, size, 0.001 + 1e-4 * size) for size in sizes]
    points = [*flat, *climbing]
    said = scaling.launch_bound(points, scaling.batch_costs(points), 128)
    assert "fixed cost with PyTorch eager, cuda: it is bound by launching" in said
    assert "TensorFlow" not in said
    assert scaling.launch_bound(climbing, scaling.batch_costs(climbing), 128) == ""


def test_two_batch_sizes_are_drawn_without_a_fit() -> None:
    """A line through two points is no finding."""
    points = [scaling.Point(EAGER, size, 0.01 * size) for size in (1, 8)]
    assert scaling.batch_costs(points) == {}
    assert scaling.cost_message(points, {}) == ""


def test_threads_are_drawn_where_more_than_one_count_ran() -> None:
    """The run's own count and one other are enough."""
    results = synthetic.results(steps=60)
    results.thread_runs = [synthetic.run(label, "cpu", 0, 60) for label in ("tf:eager", "torch:eager")]
    for run in results.thread_runs:
        run.threads = {"intra_op": 1}
    assert [chart.name for chart in scaling.thread_scaling([find(results)])] == ["threads-cpu"]


def test_chart_names_are_safe_and_different() -> None:
    """A device name from a results file becomes part of an id and of a file name."""
    results = synthetic.results(steps=60, devices=("cpu",))
    names = {"../<b>": "tf:eager", "--- b-": "torch:eager"}
    for run in results.runs:
        run.device = next(device for device, label in names.items() if label == run.label)
    found = [chart.name for chart in charts([find(results)])]
    assert len(set(found)) == len(found)
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in found)


def test_specs_are_strict_json(drawn: list[Chart]) -> None:
    """No chart holds NaN or an infinity."""
    for chart in drawn:
        json.dumps(chart.spec(), allow_nan=False)


def test_ticks_of_a_logarithmic_axis() -> None:
    """Powers of ten within the values, or 1, 2 and 5 times those."""
    assert decades([0.02, 30]) == [0.1, 1.0, 10.0]
    assert decades([2.4, 60], (1, 2, 5)) == [5.0, 10.0, 20.0, 50.0]


def test_many_values_are_told_by_their_extremes() -> None:
    """Two are named each; of four, the least and the greatest."""
    rows = [(name, f"{size} ms", float(size)) for name, size in zip("abcd", (4, 9, 2, 5), strict=True)]
    assert all_or_extremes(rows[:2]) == "a 4 ms; b 9 ms"
    assert all_or_extremes(rows) == "from 2 ms (c) to 9 ms (b)"


def test_slug_keeps_letters_and_digits() -> None:
    """A name without either gets one all the same."""
    assert slug("NVIDIA H100 (A)") == "nvidia-h100--a"
    assert slug("…") == "device"


def failed_run() -> Launch:
    """Return a launch that took no step."""
    return Launch(framework="tf", variant="eager", device="cpu", dtype="float32", seed=0, label="tf:eager")


def test_a_loss_that_is_no_number_breaks_nothing() -> None:
    """Diverged launches are not drawn; results hold no infinities, and a chart adds none."""
    results = synthetic.results(steps=60)
    results.runs[0].status = "diverged"
    results.runs[0].losses = [2.3, math.inf]
    for chart in charts([find(results)]):
        json.dumps(chart.spec(), allow_nan=False)


def test_one_slow_launch_does_not_squash_the_others() -> None:
    """A long tail is cut at the axis and said; every bar, the middle half of a launch, is shown whole."""
    results = synthetic.results(steps=60)
    slow = results.runs[0].step_seconds
    slow[-8:] = [2.0] * 8  # of 48 timed steps: beyond the 95th percentile's reach, within the upper quarter
    [chart] = timing.step_times([find(results)])
    assert timing.CUT in chart.message
    [panel] = device_panels([find(results)])
    launches, _, _ = timing.launch_rows(panel.groups)
    assert 30 < timing.axis_limit(launches) < 80
    assert timing.axis_limit(launches) > max(mark["q3"] for mark in launches)


def test_equal_accuracies_leave_the_axis_room() -> None:
    """The axis is at least 0.1 points wide, and ends at 1."""
    assert accuracy.accuracy_domain([0.9918, 0.9918]) == pytest.approx([0.9913, 0.9923])
    assert accuracy.accuracy_domain([1.0]) == pytest.approx([0.9995, 1.0])


def test_a_file_of_its_own_has_the_pages_colours() -> None:
    """A colour's own value is the one that the light style sheet gives its variable."""
    light = (page.ASSETS / "report.css").read_text().split("@media")[0].replace("#fff;", "#ffffff;")
    named = re.findall(r"var\(--([a-z]+), (#[0-9a-f]{6})\)", Path(look.__file__).read_text())
    assert len(named) == 8
    for name, value in named:
        assert f"--{name}: {value};" in light
