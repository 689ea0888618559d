"""A worker without a framework: the real worker over the NumPy oracle, which misbehaves where a plan says so.

Started in an interpreter's place, by a script that `commands.interpreter` writes, with the plan's path before
the interpreter's own arguments. The plan is JSON: by the stem of the worker's log, what to do and when,
`{"tf-eager-cpu-seed0": {"at": "Train 2", "do": "signal-SIGSEGV"}}`; `*` is any worker of this interpreter.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import struct
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Never
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

GIVEN_THREADS = os.environ.get("OPENBLAS_NUM_THREADS", "")
os.environ["OPENBLAS_NUM_THREADS"] = "1"  # for products this small more threads cost more than they bring
import numpy as np  # noqa: E402

os.environ["OPENBLAS_NUM_THREADS"] = GIVEN_THREADS
import msgspec  # noqa: E402
import safetensors.numpy  # noqa: E402

from compare.ladder.oracle import Oracle  # noqa: E402
from compare.protocol import messages  # noqa: E402
from compare.protocol.channel import Channel  # noqa: E402
from compare.worker import serve as worker  # noqa: E402
from compare.worker import session  # noqa: E402


class Trainer(Oracle):
    """The oracle with the rest of what the harness asks of a trainer."""

    def __init__(self, spec: Any, weights: Any, *, device: str, dtype: str) -> None:
        super().__init__(spec, weights)

    def to_numpy(self, array: np.ndarray) -> np.ndarray:
        return array

    def synchronize(self) -> None:
        """Nothing runs apart from this thread."""


class Runtime:
    """In the place of `tf_impl.runtime` and `torch_impl.runtime`."""

    threads = 0

    def configure(self, *, device: str, threads: int, tf32: bool, deterministic: bool) -> None:
        self.threads = threads

    def describe(self, device: str) -> dict[str, Any]:
        return {"versions": {"stand-in": "1"}, "device_name": None, "threads": {"intra_op": self.threads}}

    def peak_device_bytes(self, device: str) -> None:
        return None

    def matmul_seconds(self, **_: Any) -> list[float]:
        return [0.001]


class Faulty(Channel):
    """The worker's end of the channel, where the plan is carried out."""

    def __init__(self, read_fd: int, write_fd: int, incoming: Any) -> None:
        super().__init__(read_fd, write_fd, incoming)
        self.plan, self.counts, self.now = plan(), Counter[str](), ""
        if self.plan.get("at") == "start":
            act(self.plan["do"], self)

    def receive(self, timeout_seconds: float | None = None) -> Any:
        request = super().receive(timeout_seconds)
        kind = type(request).__name__
        self.counts[kind] += 1
        self.now = f"{kind} {self.counts[kind]}"
        if self.plan.get("at") == self.now:
            act(self.plan["do"], self)
        return request

    def send(self, message: Any, timeout_seconds: float | None = None) -> None:
        if self.plan.get("reply") == self.now:
            message = changed(message, self.plan["do"])
        super().send(message, timeout_seconds)
        if self.plan.get("after") == self.now:
            act(self.plan["do"], self)


def plan() -> dict[str, str]:
    """Return what this worker is to do wrong, and when."""
    plans: dict[str, dict[str, str]] = json.loads(Path(sys.argv[1]).read_text())
    log = Path("/proc/self/fd/1").readlink().stem
    return plans.get(log) or plans.get("*") or {}


def act(what: str, channel: Channel) -> None:
    """Misbehaves, mostly without coming back."""
    kind, _, value = what.partition(" ")
    print("what the framework printed last", flush=True)  # `commands.LAST_WORDS`
    if kind == "signal":
        os.kill(os.getpid(), int(value) if value.isdecimal() else getattr(signal, value))
    elif kind == "exit":
        os._exit(int(value))
    elif kind == "hang":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    elif kind == "half-a-message":
        os.write(channel.write_fd, struct.pack("!Q", 100) + b"only this")
        os._exit(1)
    elif kind == "no-protocol":
        os.write(channel.write_fd, b"Hello, world! This is not the protocol.")
        time.sleep(600)
    elif kind == "flood":
        for stream in (sys.stdout, sys.stderr):
            stream.write("flood\n" * 2_000_000)
            stream.flush()
    elif kind == "daemon":
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        os._exit(0)
    elif kind == "memory":
        resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32))
        patch.object(session.Session, "timed_step", lambda *_: np.ones(1 << 40)).start()
    elif kind in STEPS:
        patch.object(session.Session, "timed_step", STEPS[kind]).start()
    else:
        raise AssertionError(what)


def raising(*_: object) -> Never:
    """Fail as a framework's kernel does, with a message of two lines."""
    raise RuntimeError("the kernel is in a bad state\nand more lines")


def without_compiler(*_: object) -> Never:
    """Fail as torch's compiler does on a machine without g++."""
    raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found in torch._inductor: (None, 'g++')")


STEPS = {"raise": raising, "no-compiler": without_compiler, "sys.exit": lambda *_: sys.exit(3)}


def changed(reply: Any, what: str) -> Any:
    """Return the reply, wrong in one way."""
    if what == "other-message":
        return messages.Probed(None, {})
    if what == "too-few-losses":
        return replace(reply, losses=reply.losses[1:])
    if what == "nan-loss":
        return replace(reply, losses=[float("nan"), *reply.losses[1:]])
    if what == "not-safetensors":
        return messages.Arrays(b"no safetensors at all")
    if what == "misshapen":
        return messages.Arrays(safetensors.numpy.save({"logits": np.zeros((3, 10), np.float32)}))
    if what == "nan-logits":
        logits = safetensors.numpy.load(reply.safetensors)["logits"]
        return messages.Arrays(safetensors.numpy.save({"logits": np.full_like(logits, np.nan)}))
    if what == "other-data":
        return replace(reply, data_sha256="0" * 64)
    if what == "other-weights":
        return replace(reply, initial_weights_sha256="0" * 64)
    if what == "fewer-threads":
        return replace(reply, runtime=reply.runtime | {"threads": {"intra_op": 77}})
    raise AssertionError(what)


def replace(reply: Any, **changes: Any) -> Any:
    """Return the reply with some of its fields changed."""
    return msgspec.structs.replace(reply, **changes)


def main() -> None:
    """Serve as a worker does, with the oracle in the place of a framework."""
    runtime = Runtime()
    explained = messages.Explained({}, 0.001, 1e9)  # the real one's steps would take most of the time
    patch.multiple(
        session,
        import_runtime=lambda _: runtime,
        import_module=lambda _: SimpleNamespace(Trainer=Trainer),
    ).start()
    patch.multiple(
        worker, import_runtime=lambda _: runtime, explain=lambda *_: explained, Channel=Faulty
    ).start()
    worker.serve(int(sys.argv[-2]), int(sys.argv[-1]))


if __name__ == "__main__":
    main()
