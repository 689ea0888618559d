"""Converts LeNet to LiteRT in each way TensorFlow offers; prints how many of the ten logits are right.

Runs in a process of its own: pytest imports no framework.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from compare.data.weights import initial_weights
from lenet_spec import LeNetSpec
from tf_impl.model import LeNet, load

SPEC = LeNetSpec()


def right_logits(converter: tf.lite.TFLiteConverter, model: LeNet) -> int:
    """Return how many of the ten logits of a random image are those of the model."""
    interpreter = tf.lite.Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    image = np.random.default_rng(0).random((1, *SPEC.input.shape), np.float32)
    interpreter.set_tensor(inputs["index"], image)
    interpreter.invoke()
    return int(np.isclose(interpreter.get_tensor(outputs["index"]), model(image), rtol=1e-3).sum())


def main() -> None:
    """Print a JSON object: the way, and how many logits are right."""
    model = LeNet(SPEC, "float32")
    load(model, initial_weights(SPEC, 0))
    function = tf.function(model.call, input_signature=[tf.TensorSpec([1, *SPEC.input.shape], tf.float32)])
    with tempfile.TemporaryDirectory() as directory:
        path = str(Path(directory) / "model")
        tf.saved_model.save(model, path, signatures=function)
        lite = tf.lite.TFLiteConverter
        ways = {
            "from_keras_model": lite.from_keras_model(model),
            "from_concrete_functions": lite.from_concrete_functions([function.get_concrete_function()]),
            "from_concrete_functions, with the model": lite.from_concrete_functions(
                [function.get_concrete_function()], model
            ),
            "from_saved_model": lite.from_saved_model(path),
        }
        json.dump({way: right_logits(converter, model) for way, converter in ways.items()}, sys.stdout)


if __name__ == "__main__":
    main()
