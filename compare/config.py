"""Defines a run's options and presets, and who trains. `config_rules` checks the options."""

from __future__ import annotations

import dataclasses
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from tyro.constructors import PrimitiveConstructorSpec

from compare.cpus import usable_cpus
from compare.dtypes import Dtype
from compare.labels import Label
from compare.processes.conditions import Conditions
from compare.processes.environment import Allocator
from compare.variants import VARIANTS, VARIANTS_BY_NAME, Variant
from lenet_spec import LeNetSpec

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
Preset = Literal["quick", "standard", "rigorous"]
DEVICES = ("cpu", "cuda")
DEFAULTS = LeNetSpec()
ALL = ("all",)
TASK_FORMS = ("tf:eager", "tf:graph", "tf:xla", "torch:eager", "torch:compiled")  # for --task
PATHS = (
    "out",
    "resume",
    "cluster",
    "data_dir",
    "tf_python",
    "torch_python",
)  # and places: no record has them
OWN_FILES = ("task", "tensorflow_module", "torch_module")  # for a user's own network


def separated_by_commas(of: Callable[[str], T], *, metavar: str) -> PrimitiveConstructorSpec[tuple[T, ...]]:
    """Parse a tuple from one word on the command line: `1,2,8`. An empty word is an empty tuple."""
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda words: tuple(map(of, words[0].split(","))) if words[0] else (),
        is_instance=lambda value: isinstance(value, tuple),
        str_from_instance=lambda value: [",".join(map(str, value))],
    )


def whole_number(word: str) -> int:
    """Return a word of digits as a number. Raises ValueError, which the parser shows with the option."""
    if not (word.isascii() and word.isdigit()):
        raise ValueError(f"{word!r} is not a whole number; give 1 or more, separated by commas")
    return int(word)


Names = Annotated[tuple[str, ...], separated_by_commas(str, metavar="NAME,...")]
WholeNumbers = Annotated[tuple[int, ...], separated_by_commas(whole_number, metavar="N,...")]


@dataclass(frozen=True)
class RunConfig:
    """Train the same LeNet in TensorFlow and PyTorch, from the same weights on the same batches, and compare.

    Writes results.json, curves.csv, report.html, report.md, the final weights and the logs under --out.
    """

    device: Names = ("cpu",)
    """cpu, cuda, or both: cpu,cuda"""
    variants: Names = ("tf:eager", "torch:eager")
    """which variants, separated by commas; all: every variant that the devices can run"""
    steps: int = DEFAULTS.training.steps
    """training steps of each launch"""
    batch_size: int = DEFAULTS.training.batch_size
    """images in each step"""
    seeds: int = 3
    """launches of each variant; each seed has its own weights and batches"""
    first_seed: int = 0
    """the first seed; the others follow: first-seed + 1, ..."""
    dtype: Dtype = "float32"
    """type of weights, images and arithmetic; bfloat16: only the layers' arithmetic, with float32 weights"""
    dropout: bool = False
    """switch on the dropout that the spec declares, with masks that both frameworks share"""
    preset: Preset = "standard"
    """quick: 1 seed x 100 steps; rigorous: 10 seeds, all variants; options that you give have priority"""
    allocator: Allocator = "stable"
    """stable: glibc keeps large buffers in the process; system: glibc's own defaults"""
    threads: WholeNumbers = dataclasses.field(default_factory=lambda: (usable_cpus(),))
    """threads of each framework; 1,2: measure also with 1, compare with 2; default: all usable CPUs"""
    workers: WholeNumbers = (1,)
    """processes that train one network together and share the threads; 1,2: compare one with two"""
    batch_sizes: WholeNumbers = ()
    """measure these batch sizes too, for example 1,8,32,128,512, to see how the step grows"""
    tf32: bool = False
    """let both frameworks use TF32 on the card, in matrix products and convolutions"""
    deterministic: bool = False
    """switch on the deterministic operations of both frameworks"""
    data_dir: Path | None = None
    """a directory of IDX files of MNIST's shape, plain or gzip; default: the MNIST in this package"""
    download: Literal["FashionMNIST", "KMNIST"] | None = None
    """first download this data set into --data-dir, through torchvision"""
    out: Path | None = None
    """where results go: a new or empty directory; default: runs/<time>"""
    resume: Path | None = None
    """continue the interrupted run in this directory, with the options that it began with"""
    cluster: str | None = None
    """train each seed on a node of a Ray cluster, HOST:PORT of its head; local: Ray on this machine alone"""
    task: Path | None = None
    """prove and time a network of your own: the file that names its inputs and batches"""
    tensorflow_module: Path | None = None
    """with --task, the file of its TensorFlow side: model(), loss() and optimizer()"""
    torch_module: Path | None = None
    """with --task, the file of its PyTorch side"""
    inputs: Names = ()
    """after the training, also feed the eager step from these input pipelines; all: from each of them"""
    inference: Names = ()
    """after the training, time these forms of the trained model; all: each of them"""
    target_accuracy: float | None = None
    """measure the time until this percentage of the test images is classified correctly, for example 98"""
    tensorboard: bool = False
    """write the curves also as TensorBoard event files, under --out"""
    tf_python: Path | None = None
    """the interpreter that has TensorFlow; default: this command's, or on a card the one from make cuda"""
    torch_python: Path | None = None
    """the interpreter that has PyTorch; default: this command's, or on a card the one from make cuda"""
    timeout: float = 600.0
    """seconds that a worker may take for one command; three times as many if it may compile first"""

    def spec(self) -> LeNetSpec:
        """Return the network's spec with this run's batch size, steps and dropout."""
        return dataclasses.replace(
            DEFAULTS,
            dropout=dataclasses.replace(DEFAULTS.dropout, active=self.dropout),
            training=dataclasses.replace(DEFAULTS.training, batch_size=self.batch_size, steps=self.steps),
        )

    def seed_range(self) -> range:
        return range(self.first_seed, self.first_seed + self.seeds)

    @property
    def thread_count(self) -> int:
        """Return the number of threads of the headline's launches; all CPUs if --threads names none."""
        return self.threads[-1] if self.threads else usable_cpus()

    def conditions(self, device: str) -> Conditions:
        """Return how the headline's workers on this device run."""
        return Conditions(device, self.thread_count, self.allocator, self.tf32, self.deterministic)

    def entrant_conditions(self, entrant: Entrant) -> Conditions:
        """As `conditions`; the ranks of a group share the threads."""
        whole = self.conditions(entrant.device)
        return dataclasses.replace(whole, threads=whole.threads // max(1, entrant.ranks))

    def python(self, framework: str) -> Path:
        """Return the interpreter of a framework's workers."""
        given = self.tf_python if framework == "tf" else self.torch_python
        return given or default_python(framework, self.device)


def default_python(framework: str, devices: Sequence[str]) -> Path:
    """Return the interpreter that `make cuda` made for the framework if a card is used; else this one.

    On a card each framework needs its own environment, because both write CUDA libraries to the same paths.
    """
    made = ROOT / f".venv-{framework}"
    on_card = "cuda" in devices and (made / ".installed").exists()
    return made / "bin" / "python" if on_card else Path(sys.executable)


def option_as_typed(value: object) -> object:
    """Return an option's value as a user types it: a tuple as one word with commas."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def recorded_options(config: Any) -> dict[str, Any]:
    """Return a command's options as results record them: tuples with commas, no paths of this machine.

    config: a dataclass such as RunConfig.
    """
    names = [field.name for field in dataclasses.fields(config) if field.name not in PATHS]
    names = [name for name in names if name not in OWN_FILES or not isinstance(config, RunConfig)]
    return {name: option_as_typed(getattr(config, name)) for name in names}


PRESETS: dict[Preset, RunConfig] = {
    "quick": RunConfig(preset="quick", seeds=1, steps=100),
    "standard": RunConfig(),
    "rigorous": RunConfig(
        preset="rigorous", seeds=10, variants=ALL, inputs=ALL, inference=ALL, target_accuracy=98.0
    ),
}


@dataclass(frozen=True)
class Entrant:
    """One row of the report: a variant on a device. `label` tells two rows of the same variant apart.

    ranks: the number of processes in its data-parallel group; 0: one process without a group.
    """

    variant: Variant
    device: str
    label: str
    ranks: int = 0

    @property
    def place(self) -> tuple[str, str] | None:
        """Return the module and class of one rank; None if there is none, or if it is no rank."""
        return self.variant.rank_place() if self.ranks else None

    @property
    def framework(self) -> str:
        return self.variant.framework


def entrants(config: RunConfig) -> list[Entrant]:
    """Return --variants on each of --device, in the order given, with each number of --workers."""
    found = []
    for device in config.device:
        seen: Counter[str] = Counter()
        for variant in chosen_variants(config):
            if not variant.runs_on(device, deterministic=config.deterministic):
                continue
            seen[variant.name] += 1
            for workers in config.workers:
                ranks = workers if workers > 1 else 0
                label = Label(variant.framework, variant.variant, seen[variant.name], ranks=ranks)
                found.append(Entrant(variant, device, label.entry, ranks))
    return found


def chosen_variants(config: RunConfig) -> list[Variant]:
    if config.variants == ALL:
        own = config.task is not None
        return [one for one in VARIANTS if one.takes(config.dtype) and (one.name in TASK_FORMS or not own)]
    return [VARIANTS_BY_NAME[name] for name in config.variants]


def times_chosen(names: tuple[str, ...], name: str) -> int:
    return 1 if names == ALL else names.count(name)


def eager_frameworks(config: RunConfig) -> set[str]:
    """Return the frameworks whose eager variant trains; pipelines and forms are compared with it."""
    names = VARIANTS_BY_NAME if config.variants == ALL else config.variants
    return {one.framework for one in VARIANTS if one.variant == "eager" and one.name in names}
