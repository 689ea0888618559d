"""What the report says of a run's options and machine."""

import dataclasses

import pytest

from compare.config import recorded_options
from compare.records.environment import Environment
from compare.rendering import facts
from compare.rendering.repeat import command
from compare.run import parse_config
from tests.rendering import synthetic


def test_the_environment_shows_what_the_record_holds() -> None:
    """Each fact with its unit; one that is unknown has no row."""
    made = synthetic.results(steps=60)
    made.environment = Environment(
        cpu_quota=1.5, cpu_governor="performance", cpu_mhz=[2000.0, None, 3500.0], load_average_1min=0.123456
    )
    made.environment.started = "2026-11-30 04:11 UTC"
    facts_of_run = dict(facts.environment(made))
    assert facts_of_run["CPU quota"] == "1.5 CPUs"
    assert facts_of_run["clock at the start of each seed"] == "2,000–3,500 MHz"
    assert facts_of_run["frequency governor"] == "performance"
    assert facts_of_run["load before the run"] == "0.12"
    assert facts_of_run["started"] == "2026-11-30 04:11 UTC"
    made.environment = Environment(cpu_mhz=[2000.0, 2000.0])
    assert dict(facts.environment(made))["clock at the start of each seed"] == "2,000 MHz"
    assert "started" not in dict(facts.environment(made))


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--preset", "quick", "--threads", "1,2"],
        ["--device", "cpu,cuda", "--variants", "tf:keras,torch:tuned", "--dropout", "--first-seed", "3"],
        ["--inputs", "all", "--inference", "all", "--target-accuracy", "97.5", "--timeout", "50"],
        ["--workers", "1,2", "--batch-sizes", "1,8", "--allocator", "system", "--deterministic"],
    ],
)
def test_the_command_on_the_page_repeats_the_run(options: list[str]) -> None:
    """Typed again, it gives the options of the run, whatever preset they came from."""
    config = parse_config(options)
    made = synthetic.results(steps=60).config
    for name, value in recorded_options(config).items():
        setattr(made, name, value)
    made.thread_counts = list(config.threads)
    words = command(made).split()
    assert words[:3] == ["python", "-m", "compare.run"]
    again = parse_config(words[3:])
    assert dataclasses.replace(again, preset=config.preset) == config


def test_the_command_names_what_no_record_holds() -> None:
    """Own data, a cluster's address, and the files of a task."""
    made = synthetic.results(steps=60).config
    made.cluster, made.thread_counts = True, []
    made.data.sha256 = "0" * 64
    assert command(made).endswith(" --data-dir DIR --cluster ADDRESS")
    made.task, made.task_modules, made.cluster = "my task.py", ["a.py", "b.py"], False
    assert " --task 'my task.py' --tensorflow-module a.py --torch-module b.py" in command(made)
    assert "--data-dir" not in command(made)
