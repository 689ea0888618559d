"""Finds, imports and configures the framework of this process, once. Runs in the child process only."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from compare import own_code
from compare.errors import UserError
from compare.supported import unsupported
from compare.worker import nvidia_driver, refusals
from compare.worker.contract import CheckpointModule, Runtime, TrainerClass
from compare.worker.failures import failure_of_import
from compare.worker.refusals import RefusedRequest

PACKAGES = {"tf": "tensorflow", "torch": "torch"}


def import_runtime(framework: str) -> Runtime:
    """Return the framework's `runtime` module. Raises RefusedRequest if the framework cannot be imported."""
    package = PACKAGES[framework]
    if importlib.util.find_spec(package) is None:
        raise RefusedRequest(
            "import",
            f"{package} is not installed for {sys.executable}; install it, or name another interpreter "
            f"with --{framework}-python",
            missing=[package],
        )
    require_supported(package, installed_version(package))
    try:
        runtime = importlib.import_module(f"{framework}_impl.runtime")
    except Exception as error:  # a broken installation can raise anything
        traceback.print_exc()
        raise failure_of_import(package, error) from error
    require_supported(package, str(sys.modules[package].__version__))
    return cast(Runtime, runtime)


def import_checkpoint(framework: str) -> CheckpointModule:
    """Return the module that reads and writes the framework's own files. Import the framework first."""
    return cast(CheckpointModule, importlib.import_module(f"{framework}_impl.checkpoint"))


def import_module(name: str) -> ModuleType:
    """Import a module by its dotted name or absolute path. Raises RefusedRequest if a user's file fails."""
    if not Path(name).is_absolute():
        return importlib.import_module(name)
    try:
        module = own_code.import_file(Path(name))
    except UserError as error:
        raise RefusedRequest("import", str(error), logged=True) from error
    sys.argv = [name]  # a user's file may read options too: hide the worker's options from it
    return module


def trainer_class(module: ModuleType, name: str) -> TrainerClass:
    """Return the class of that name. Raises RefusedRequest if there is none."""
    found = getattr(module, name, None)
    if found is None:
        file = Path(module.__file__ or module.__name__).name
        raise RefusedRequest(
            "import", f"{file} has no class {name}; docs/parity.md lists what a port must offer"
        )
    return cast(TrainerClass, found)


def installed_version(package: str) -> str | None:
    """Return a package's version from its metadata, without an import; None if it has no metadata."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def require_supported(package: str, version: str | None) -> None:
    """Raise RefusedRequest if this code does not run on this version."""
    if version is not None and (reason := unsupported(package, version)):
        raise RefusedRequest("import", f"{reason}, for {sys.executable}")


def require_device(runtime: Runtime, device: str) -> None:
    """Raise RefusedRequest, with what to do about it, if the framework cannot use the device."""
    if device == "cpu":
        return
    build = refusals.Build(**runtime.build())
    if reason := refusals.why_not(build, nvidia_driver.read(), runtime.cards, os.environ):
        raise RefusedRequest("device", reason)


def make_exact(framework: str, dtype: str) -> str | None:
    """Make Keras's Python floats exact in float64. Return what was changed, or None if nothing was."""
    if framework != "tf" or dtype != "float64":
        return None
    changed: str = importlib.import_module("tf_impl.exact").make_floats_exact()
    return changed


class Settings(NamedTuple):
    """The settings that a framework gets once in a process: the arguments of `Runtime.configure`."""

    device: str
    threads: int
    tf32: bool = False
    deterministic: bool = False


@dataclass
class Configured:
    """The settings of this process's framework; None before they are set."""

    settings: Settings | None = None

    def configure(self, runtime: Runtime, wanted: Settings) -> None:
        """Configure the framework the first time. Raises RefusedRequest if later settings differ."""
        if self.settings is None:
            runtime.configure(**wanted._asdict())
            self.settings = wanted
        elif self.settings != wanted:
            raise RefusedRequest("error", f"this process is configured for {self.settings}, not for {wanted}")


if TYPE_CHECKING:
    # mypy checks every implementation against the contract here, and reports a signature that does not fit.
    from collections.abc import Mapping

    import numpy as np

    import tf_impl.checkpoint
    import tf_impl.graph
    import tf_impl.keras_fit
    import tf_impl.mixed
    import tf_impl.ranks
    import tf_impl.runtime
    import tf_impl.train
    import tf_impl.tuned
    import tf_impl.tuned_graph
    import tf_impl.xla
    import torch_impl.checkpoint
    import torch_impl.compiled
    import torch_impl.cudagraph
    import torch_impl.mixed
    import torch_impl.ranks
    import torch_impl.runtime
    import torch_impl.train
    import torch_impl.tuned
    from compare.worker.contract import Inspectable, RankModule
    from lenet_spec import LeNetSpec

    class InspectableClass(TrainerClass, Protocol):
        """A TrainerClass whose trainers are Inspectable."""

        def __call__(
            self, spec: LeNetSpec, weights: Mapping[str, np.ndarray], *, device: str, dtype: str
        ) -> Inspectable: ...

    RUNTIMES: tuple[Runtime, Runtime] = (tf_impl.runtime, torch_impl.runtime)
    CHECKPOINTS: tuple[CheckpointModule, CheckpointModule] = (tf_impl.checkpoint, torch_impl.checkpoint)
    TRAINERS: list[InspectableClass] = [
        tf_impl.train.Trainer,
        tf_impl.keras_fit.Trainer,
        tf_impl.tuned.Trainer,
        tf_impl.graph.Trainer,
        tf_impl.tuned_graph.Trainer,
        tf_impl.xla.Trainer,
        tf_impl.mixed.Trainer,
        tf_impl.mixed.Graph,
        tf_impl.mixed.XLA,
        torch_impl.train.Trainer,
        torch_impl.tuned.Trainer,
        torch_impl.compiled.Trainer,
        torch_impl.cudagraph.Trainer,
        torch_impl.mixed.Trainer,
        torch_impl.mixed.Compiled,
        torch_impl.mixed.CUDAGraph,
        tf_impl.ranks.Trainer,
        tf_impl.ranks.Graph,
        torch_impl.ranks.Trainer,
        torch_impl.ranks.Compiled,
    ]
    RANKS: tuple[RankModule, RankModule] = (tf_impl.ranks, torch_impl.ranks)
