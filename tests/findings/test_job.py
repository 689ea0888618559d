"""The whole job from raw samples: what the input adds, when the target is reached, which form is fastest."""

from __future__ import annotations

import pytest

from compare.config import RunConfig
from compare.config_rules import check
from compare.errors import UserError
from compare.findings import job
from compare.findings.findings import find
from compare.records.job import InferenceRun, InputsRun
from compare.records.results import Results
from compare.rendering import job as words
from compare.rendering import markdown
from compare.rendering.charts import charts
from tests.known import known
from tests.rendering import synthetic

STEP, SLOW_LOADER = 0.020, 0.050


@pytest.fixture
def results() -> Results:
    """Return three seeds whose steps take 20 ms, and 50 ms more where torch's tutorial loader feeds them."""
    found = synthetic.results(steps=60)
    found.config.target_accuracy = 98.0
    for run in found.runs:
        scatter = 1 + 0.001 * run.seed
        run.step_seconds = [0.5] + [STEP * scatter] * 59
        run.import_seconds, run.build_seconds = 3.0, 1.0
        slow = run.framework == "torch"
        run.evaluated_steps = [20, 40] if slow else [20]
        run.evaluated_accuracies = [0.97, 0.98] if slow else [0.981]
    for seed in range(3):
        scatter = 1 + 0.001 * seed
        for label, added in (
            ("tf:by-index", 0.001),
            ("torch:tutorial", SLOW_LOADER),
            ("torch:gathered", 0.0),
            ("torch:gathered#2", 0.0),
        ):
            found.input_runs.append(
                InputsRun(
                    framework="tf" if label.startswith("tf") else "torch",
                    label=label,
                    seed=seed,
                    device="cpu",
                    status="ok",
                    reason=None,
                    step_seconds=[1.0] * 20 + [(STEP + added) * scatter] * 40,
                    alone_seconds=[1.0] + [added] * 59,
                    first_batch_seconds=0.3,
                    cpu_seconds=6.0,
                )
            )
        for label, seconds in (("tf:call", 0.008), ("tf:function", 0.001), ("torch:inference-mode", 0.0005)):
            found.inference_runs.append(
                InferenceRun(
                    framework="tf" if label.startswith("tf") else "torch",
                    label=label,
                    seed=seed,
                    device="cpu",
                    threads=2,
                    status="ok",
                    reason=None,
                    build_seconds=0.1,
                    call_seconds={"1": [seconds * scatter] * 99 + [1.0], "128": [0.03] * 100},
                    largest_error=1e-7,
                )
            )
    return found


def test_what_the_input_adds_is_the_step_less_the_eager_step(results: Results) -> None:
    """Without the head, in which a pipeline uses up what it prepared."""
    rows = {row.label.entry: row for row in job.fed(results)}
    assert rows["torch:tutorial"].stall_seconds == pytest.approx(SLOW_LOADER, rel=0.01)
    assert rows["torch:tutorial"].loader_is_the_bottleneck
    assert rows["torch:gathered"].stall_seconds == pytest.approx(0, abs=1e-9)
    assert rows["torch:gathered"].pipeline_alone_seconds == 0
    assert rows["torch:gathered"].cpu_seconds == pytest.approx(0.1)


def test_a_pipeline_against_itself_shows_no_difference(results: Results) -> None:
    """And the tutorial's loader is held against gathered batches, and both against tf.data."""
    said = [verdict.sentence for verdict in job.input_verdicts(results)]
    assert any(
        line.startswith("PyTorch gathered is 3.5") and "as fast as PyTorch tutorial" in line for line in said
    )
    assert any("TensorFlow by-index is" in line and "PyTorch tutorial" in line for line in said)
    assert len(said) == len(set(said))
    twin = job.input_verdicts(results)[-1]
    assert twin.kind == "no_difference"
    assert "PyTorch gathered#2" in twin.sentence
    assert not any("gathered#2" in line for line in said[:-1])


def test_the_target_counts_from_a_cold_start(results: Results) -> None:
    """Import, building and the compiling first step are in one figure and not in the other."""
    tf, torch = job.reaching(results)
    assert (tf.reached, tf.steps, torch.steps) == (3, 20, 40)
    assert known(torch.cold_seconds) == pytest.approx(4.5 + 39 * STEP, rel=0.01)
    assert known(torch.training_seconds) == pytest.approx(40 * STEP, rel=0.01)
    assert known(job.target_verdict(results)).kind == "slower"
    results.runs[1].evaluated_accuracies = [0.5, 0.6]
    assert job.reaching(results)[1].reached == 2
    assert any("PyTorch eager did not reach 98 %" in line for line in words.answers([find(results)]))


def test_each_frameworks_fastest_form_answers(results: Results) -> None:
    """The 99th percentile is of the calls of a launch, not the slowest."""
    sentence = known(job.single_image_verdict(results)).sentence
    assert sentence.startswith("PyTorch inference-mode is 2.0")
    assert "as fast as TensorFlow function" in sentence
    rows = {row.label.entry: row for row in job.answering(results)}
    assert rows["tf:call"].p99_seconds[1] < 0.1


def test_the_report_answers_above_its_tables(results: Results) -> None:
    """A line each in Markdown, tables, two charts; a missing package is told once for all seeds."""
    for seed in range(3):
        results.inference_runs.append(
            InferenceRun(
                framework="tf",
                label="tf:onnx-runtime",
                seed=seed,
                device="cpu",
                threads=2,
                status="unavailable",
                reason=f"it needs onnxruntime; log: {seed}.log",
            )
        )
    found = find(results)
    page = markdown.report([found])
    top = page.partition("| --- |")[0]
    assert "The loader is the bottleneck with PyTorch tutorial: its input adds 50" in top
    assert "The step, not the loader, is the bottleneck with TensorFlow by-index" in top
    assert top.count("it needs onnxruntime") == 1
    assert "## Input pipelines" in page
    assert "## Inference" in page
    assert "## Time to 98 % of the test images" in page
    assert {"inputs", "inference"} <= {chart.name for chart in charts([found])}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"inputs": ("torch:tutoral",)},
            "--inputs: 'torch:tutoral' is unknown. Use all, or some of: tf",
        ),
        ({"inference": ("all", "tf:call")}, "--inference: 'all' is unknown"),
        ({"inputs": ("all",), "dropout": True}, "no pipeline supports --dropout"),
        ({"inference": ("all",), "dtype": "bfloat16", "variants": ("all",)}, "but --dtype is bfloat16"),
        ({"inputs": ("tf:tutorial",), "variants": ("torch:eager",)}, "needs tf:eager"),
        ({"inputs": ("all",), "variants": ("tf:graph",)}, "compared with tf:eager or torch:eager"),
        ({"inference": ("all",), "tf32": True, "device": ("cuda",)}, "too strict for --tf32"),
        ({"target_accuracy": 0.0}, "--target-accuracy is 0; it must be above 0"),
        ({"target_accuracy": 101.0}, "at most 100"),
    ],
)
def test_what_cannot_be_measured_is_refused(options: dict[str, object], said: str) -> None:
    """Before anything starts, with the option and what to do."""
    with pytest.raises(UserError) as refused:
        check(RunConfig(**options))  # type: ignore[arg-type]
    assert said in str(refused.value)
