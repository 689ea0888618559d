"""Runs the child process: one framework, one variant, one seed, driven by messages over its own pipes.

It needs only NumPy, msgspec, safetensors and its framework, because it may run in another environment than
the parent. Frameworks may print: stdout and stderr are the log, never the protocol.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback

from compare.errors import UserError
from compare.observation import observe
from compare.protocol import messages
from compare.protocol.channel import Channel, ChannelClosed
from compare.protocol.task_messages import SetUpTask
from compare.worker import proof
from compare.worker.checkpoint import checkpoint
from compare.worker.explanation import explain, time_batch_size
from compare.worker.failures import failure
from compare.worker.frameworks import Configured, Settings, import_runtime, require_device
from compare.worker.inference import time_inference
from compare.worker.inputs import train_from_inputs
from compare.worker.refusals import RefusedRequest
from compare.worker.session import Session, arrays
from compare.worker.task_session import TaskSession

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def serve(read_fd: int, write_fd: int) -> None:
    """Answer requests until the parent closes its end."""
    die_with_parent()
    channel = Channel(read_fd, write_fd, messages.Request)
    configured = Configured()
    session: Session | TaskSession | None = None
    while True:
        try:
            request = channel.receive()
            if isinstance(request, messages.SetUp | SetUpTask):
                reply, session = set_up(request, configured)
            else:
                reply = answer(request, session, configured)
            channel.send(reply)
        except ChannelClosed:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)  # a framework's own exit handlers can take seconds, or hang


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies. Elsewhere, it ends when its pipe closes."""
    observe(lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))


def set_up(
    request: messages.SetUp | SetUpTask, configured: Configured
) -> tuple[messages.Reply, Session | TaskSession | None]:
    try:
        if isinstance(request, SetUpTask):
            task = TaskSession(request, configured)
            return task.refusing(task.describe), task
        session = Session(request, configured)
        return session.ready(), session
    except RefusedRequest as refusal:
        return refusal.message, None
    except UserError as error:
        return messages.Refused("data", str(error)), None
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, the parent is told)
        return crashed(error), None


def answer(  # noqa: C901  (a list)
    request: messages.Request, session: Session | TaskSession | None, configured: Configured
) -> messages.Reply:
    try:
        match request, session:
            case _, TaskSession():
                return session.answer(request)
            case messages.Probe(), _:
                return probe(request, configured)
            case messages.Train(), Session():
                return session.train(request.steps)
            case messages.Evaluate(), Session():
                return session.evaluate(request.batch_size, request.count)
            case messages.Step(), Session():
                return proof.step(session, request)
            case messages.State(), Session():
                return arrays(proof.state(session.trainer))
            case messages.Logits(), Session():
                return proof.logits(session, request)
            case messages.Parameters(), Session():
                return arrays(session.trainer.parameters())
            case messages.Activations(), Session():
                return arrays(session.activations(proof.given_batch(request.batch)))
            case messages.Gradients(), Session():
                return session.gradients(proof.given_batch(request.batch))
            case messages.BatchDigests(), Session():
                return session.batch_digests(request.steps)
            case messages.Explain(), Session():
                return explain(session, request.steps)
            case messages.TimeBatchSize(), Session():
                return time_batch_size(session, request)
            case messages.TrainFromInputs(), Session():
                return train_from_inputs(session, request)
            case messages.TimeInference(), Session():
                return time_inference(session, request)
            case messages.ReadCheckpoint() | messages.WriteCheckpoint(), _:
                return checkpoint(request, configured)
            case _:
                return messages.Refused("error", "this worker is not set up")
    except RefusedRequest as refusal:
        return refusal.message
    except (Exception, SystemExit) as error:  # noqa: BLE001  (whatever it is, the parent is told)
        return crashed(error)


def crashed(error: Exception | SystemExit) -> messages.Refused:
    """Write the whole traceback to the log, and return the line that the parent needs."""
    traceback.print_exc()
    return failure(error).message


def probe(request: messages.Probe, configured: Configured) -> messages.Probed:
    """Use the device as configured for a run: the frameworks' claims about a card are not always true."""
    runtime = import_runtime(request.framework)
    try:
        require_device(runtime, request.device)
    except RefusedRequest as refusal:
        return messages.Probed(str(refusal), {})
    configured.configure(runtime, Settings(request.device, threads=1))
    return messages.Probed(None, runtime.describe(request.device)["versions"])
