"""Defines the options of `compare.parity`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from compare import own_code
from compare.config import Entrant, Names, RunConfig, entrants
from compare.config_rules import check
from compare.cpus import usable_cpus
from compare.errors import UserError
from compare.labels import Label
from compare.ladder.plan import Plan, Port
from compare.variants import FRAMEWORK_NAMES
from lenet_spec import LeNetSpec

DROPOUT_STATES: dict[str, tuple[bool, ...]] = {"off": (False,), "on": (True,), "both": (False, True)}


@dataclass(frozen=True)
class ParityConfig:
    """Prove that implementations compute the same function, or name the first tensor that is wrong.

    Writes parity.json and the divergence chart under --out. Exit 0: every rung holds; 1: a rung fails.
    """

    steps: int = 20
    """training steps of the last rung"""
    dtype: Literal["float64", "float32"] = "float64"
    """float64 proves; float32 has tolerances as wide as its rounding noise"""
    device: Names = ("cpu",)
    """cpu, cuda, or both: cpu,cuda"""
    variants: Names = ("tf:eager", "torch:eager")
    """which variants, separated by commas; the first is compared with every other variant; all: every one"""
    seed: int = 0
    """seed of the initial weights, the batches and the dropout masks"""
    batch_size: int = 128
    """images in each step"""
    dropout: Literal["off", "on", "both"] = "both"
    """climb the ladder with dropout inactive, active, or both in turn"""
    oracle_steps: int = 20
    """training steps that the NumPy oracle makes too; more if two sides differ and it must decide"""
    noise_floor: bool = False
    """measure how far float32 differs from itself: weights moved by one ulp, other thread counts"""
    torch_module: str | None = None
    """a file or module with your own port, instead of torch's variants; it must define a class Trainer"""
    tensorflow_module: str | None = None
    """a file or module with your own port, instead of TensorFlow's variants"""
    task: Path | None = None
    """prove a network of your own: the file that names its inputs and batches; see docs/any_network.md"""
    new_task: Path | None = None
    """write three files to fill in, for a network of your own, into this new or empty directory"""
    trap: str | None = None
    """put one known porting mistake on the ladder, by name"""
    traps: bool = False
    """put all known mistakes on the ladder, and train each in float32, as its author would"""
    trap_steps: int = 300
    """training steps of each trap, to see whether the accuracy shows the mistake; 0: only the ladder"""
    out: Path | None = None
    """where results go: a new or empty directory; default: runs/parity-<time>"""
    data_dir: Path | None = None
    """a directory of IDX files of MNIST's shape, plain or gzip; default: the MNIST in this package"""
    threads: int = dataclasses.field(default_factory=usable_cpus)
    """threads of each framework; default: all CPUs that this process may use"""
    tf_python: Path | None = None
    """the interpreter that has TensorFlow; default: this command's, or on a card the one from make cuda"""
    torch_python: Path | None = None
    """the interpreter that has PyTorch; default: this command's, or on a card the one from make cuda"""
    timeout: float = 600.0
    """seconds that a worker may take for one command"""

    def run_config(self) -> RunConfig:
        """Return the options that `compare.run` shares, for its checks and its list of entrants."""
        return RunConfig(
            device=self.device,
            variants=self.variants,
            steps=self.steps,
            batch_size=self.batch_size,
            first_seed=self.seed,
            dtype=self.dtype,
            threads=(self.threads,),
            data_dir=self.data_dir,
            tf_python=self.tf_python,
            torch_python=self.torch_python,
            timeout=self.timeout,
        )

    def pythons(self) -> dict[str, Path]:
        config = self.run_config()
        return {framework: config.python(framework) for framework in FRAMEWORK_NAMES}


def checked(config: ParityConfig) -> ParityConfig:
    """Raise UserError for the first rule that an option breaks."""
    for option in ("seed", "oracle_steps", "trap_steps"):
        value = getattr(config, option)
        if value < 0:
            raise UserError(f"--{option.replace('_', '-')} is {value}; it must be at least 0.")
    check(config.run_config())
    if config.trap is not None and config.traps:
        raise UserError("--trap and --traps cannot be combined. Name one trap, or try all.")
    for flag, module in modules(config):
        own_code.place(flag, module)
    return config


def modules(config: ParityConfig) -> list[tuple[str, str]]:
    """Return the given options that name a reader's own port."""
    named = (("--tensorflow-module", config.tensorflow_module), ("--torch-module", config.torch_module))
    return [(flag, module) for flag, module in named if module is not None]


def ports(config: ParityConfig) -> list[Port]:
    """Return the ports in order: variants on their devices; a reader's module replaces its framework's."""
    own = {"tf": config.tensorflow_module, "torch": config.torch_module}
    found: dict[str, Port] = {}
    for entered in entrant_ports(entrants(config.run_config())):
        port, module = entered, own[entered.framework]
        if module is not None:
            name = Path(module).absolute().stem if own_code.is_path(module) else module
            label = Label(port.framework, name).on(port.device)
            place = own_code.place(port.framework, module)
            port = Port(str(label), port.framework, place, "Trainer", port.device)
        found.setdefault(port.label, port)
    return list(found.values())


def entrant_ports(chosen: Sequence[Entrant]) -> list[Port]:
    """Return each variant once for each device and each number of ranks that it supports."""
    found: dict[str, Port] = {}
    for entrant in chosen:
        variant = entrant.variant
        label = Label.read(entrant.label).on(entrant.device).climber
        if entrant.ranks and entrant.place is None:
            continue
        place = entrant.place or (variant.module, variant.trainer)
        bfloat16 = variant.place("bfloat16") if variant.bfloat16 else None
        found.setdefault(
            label, Port(label, variant.framework, *place, entrant.device, bfloat16, entrant.ranks)
        )
    return list(found.values())


def plans(config: ParityConfig, train_count: int, say: Callable[[str], None]) -> list[Plan]:
    """Return one plan for each state of dropout."""
    return [
        Plan(
            spec=spec_with(config.batch_size, dropout),
            dtype=config.dtype,
            seed=config.seed,
            steps=config.steps,
            oracle_steps=min(config.oracle_steps, config.steps),
            threads=config.threads,
            timeout=config.timeout,
            train_count=train_count,
            sizes=(1, 2 * config.batch_size),
            late=True,
            data_dir=config.data_dir,
            say=say,
        )
        for dropout in DROPOUT_STATES[config.dropout]
    ]


def spec_with(batch_size: int, dropout: bool) -> LeNetSpec:
    return RunConfig(batch_size=batch_size, dropout=dropout).spec()
