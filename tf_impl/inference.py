"""Makes the forms of a trained TensorFlow model for inference. Read it beside torch_impl/inference.py.

Each function takes a trainer and the images [N, 28, 28, 1] of the largest batch that will come. It returns a
function from images to logits [N, 10], both NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tf_impl.train import Trainer

Answer = Callable[[np.ndarray], np.ndarray]


def call(trainer: Trainer, images: np.ndarray) -> Answer:
    """Call the model as it is, eagerly: `model(x)`."""
    return answering(trainer, trainer.model)


def predict(trainer: Trainer, images: np.ndarray) -> Answer:
    """Call `model.predict(x)`, which is Keras' loop over batches, with one batch."""

    def answer(batch: np.ndarray) -> np.ndarray:
        with tf.device(trainer.device):
            return np.asarray(trainer.model.predict(batch, batch_size=len(batch), verbose=0))

    return answer


def function(trainer: Trainer, images: np.ndarray) -> Answer:
    """Call `tf.function(model)`: one graph, traced once for any batch size."""
    return answering(trainer, traced(trainer, images))


def litert(trainer: Trainer, images: np.ndarray) -> Answer:
    """Convert to LiteRT (TensorFlow Lite), and run its interpreter."""
    # a SavedModel would leave the variables out, and every logit would be NaN
    content = tf.lite.TFLiteConverter.from_keras_model(trainer.model).convert()
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    interpreter = tf.lite.Interpreter(model_content=content, num_threads=threads)
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    allocated: list[int] = []  # the batch sizes that the interpreter's memory fits

    def answer(batch: np.ndarray) -> np.ndarray:
        if allocated != [*batch.shape]:
            interpreter.resize_tensor_input(inputs["index"], batch.shape)
            interpreter.allocate_tensors()
            allocated[:] = batch.shape
        interpreter.set_tensor(inputs["index"], batch)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(outputs["index"]))

    return answer


def onnx_runtime(trainer: Trainer, images: np.ndarray) -> Answer:
    """Export to ONNX by tf2onnx, then run ONNX Runtime on the CPU."""
    import onnxruntime
    import tf2onnx

    signature = [tf.TensorSpec([None, *images.shape[1:]], trainer.dtype, name="images")]
    model, _ = tf2onnx.convert.from_function(traced(trainer, images), input_signature=signature)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = tf.config.threading.get_intra_op_parallelism_threads()
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    return lambda batch: np.asarray(session.run(None, {"images": batch})[0])


def traced(trainer: Trainer, images: np.ndarray) -> Any:
    signature = [tf.TensorSpec([None, *images.shape[1:]], trainer.dtype)]
    return tf.function(trainer.model.call, input_signature=signature)


def answering(trainer: Trainer, model: Callable[[tf.Tensor], tf.Tensor]) -> Answer:
    def answer(images: np.ndarray) -> np.ndarray:
        with tf.device(trainer.device):
            return trainer.to_numpy(model(*trainer.to_device(images)))

    return answer


FORMS: dict[str, Callable[[Trainer, np.ndarray], Answer]] = {
    "call": call,
    "predict": predict,
    "function": function,
    "litert": litert,
    "onnx-runtime": onnx_runtime,
}
