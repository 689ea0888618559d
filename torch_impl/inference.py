"""Makes the forms of a trained PyTorch model for inference. Read it beside tf_impl/inference.py.

Each function takes a trainer and the images [N, 28, 28, 1] of the largest batch that will come. It returns a
function from images to logits [N, 10], both NumPy.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from torch_impl.train import Trainer

Answer = Callable[[np.ndarray], np.ndarray]


def inference_mode(trainer: Trainer, images: np.ndarray) -> Answer:
    """Call the model as it is, with autograd off."""
    return answering(trainer, trainer.model)


def compiled(trainer: Trainer, images: np.ndarray) -> Answer:
    """Compile the model by torch.compile, once for each batch size."""
    return answering(trainer, torch.compile(trainer.model, dynamic=False))


def aot_inductor(trainer: Trainer, images: np.ndarray) -> Answer:
    """Export by torch.export, and compile ahead of time into a package without the model's Python code."""
    program = exported(trainer, images)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "lenet.pt2"
        torch._inductor.aoti_compile_and_package(program, package_path=str(path))  # noqa: SLF001  (its public name)
        model = torch._inductor.aoti_load_package(str(path))  # noqa: SLF001
    return answering(trainer, model)


def onnx_runtime(trainer: Trainer, images: np.ndarray) -> Answer:
    """Export to ONNX, then run ONNX Runtime on the CPU."""
    import onnxruntime

    file = io.BytesIO()
    model, example = trainer.model, trainer.to_device(images[:2])
    torch.onnx.export(model, example, file, dynamic_shapes=({0: torch.export.Dim("batch")},), dynamo=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(file.getvalue(), options, providers=["CPUExecutionProvider"])
    (name,) = [one.name for one in session.get_inputs()]
    return lambda batch: np.asarray(session.run(None, {name: batch.transpose(0, 3, 1, 2)})[0])


def exported(trainer: Trainer, images: np.ndarray) -> torch.export.ExportedProgram:
    """Return the model's graph, for any batch size up to that of `images`."""
    with torch.no_grad():
        batch = torch.export.Dim("batch", min=1, max=max(2, len(images)))
        example = trainer.to_device(images[:2])
        return torch.export.export(trainer.model, example, dynamic_shapes=({0: batch},))


def answering(trainer: Trainer, model: Callable[[torch.Tensor], torch.Tensor]) -> Answer:
    def answer(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return trainer.to_numpy(model(trainer.to_device(images)[0]))

    return answer


FORMS: dict[str, Callable[[Trainer, np.ndarray], Answer]] = {
    "inference-mode": inference_mode,
    "compiled": compiled,
    "aot-inductor": aot_inductor,
    "onnx-runtime": onnx_runtime,
}
