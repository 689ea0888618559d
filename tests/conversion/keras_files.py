"""Child process: makes Keras files, good and bad, in argv[2] from the canonical one argv[1]; reads each."""

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import safetensors.numpy

from compare.worker.checkpoint import test_logits
from lenet_spec import LeNetSpec
from tests.conversion.attempts import report
from tf_impl import checkpoint
from tf_impl.model import LeNet, load

layers = keras.layers
SPEC = LeNetSpec()
IMAGES = np.random.default_rng(0).random((8, 28, 28, 1), np.float32)


def users_model(weights: dict[str, np.ndarray], activation: str = "relu") -> keras.Model:
    """Return a functional model with other layer names, dropout, and an optimizer that has stepped."""
    images = units = keras.Input((28, 28, 1))
    for layer in (
        layers.Conv2D(32, 5, activation=activation, name="first"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 5, activation="relu", name="second"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(1024, activation="relu", name="third"),
        layers.Dropout(0.75),
        layers.Dense(10, name="fourth"),
    ):
        units = layer(units)
    model = keras.Model(images, units)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(np.zeros((2, 28, 28, 1), np.float32), np.zeros(2, np.int64), verbose=0)
    model.set_weights(list(weights.values()))
    return model


def edited(good: Path, case: str, edit: Callable[[h5py.File], object]) -> Path:
    """Return a copy of a good file after an edit."""
    path = good.parent / f"{case}.weights.h5"
    path.write_bytes(good.read_bytes())
    with h5py.File(path, "r+") as file:
        edit(file)
    return path


def put(name: str, array: np.ndarray) -> Callable[[h5py.File], None]:
    """Return an edit that puts an array in the place of a data set."""

    def edit(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = array

    return edit


def external(file: h5py.File) -> None:
    """Replace the bias of the last layer by one that lies in another file on the disk."""
    del file["layers/dense_1/vars/1"]
    file.create_dataset("layers/dense_1/vars/1", (10,), "f4", external=[("/etc/passwd", 0, 40)])


def keras_2(weights: dict[str, np.ndarray], good: Path, users: Path) -> dict[str, Path]:
    """Write files in the forms of Keras 2, as tf_keras 2.21 and the savers of 2.12 to 2.14 write them."""
    folders = {"conv1": "conv2d", "conv2": "conv2d_1", "dense1": "dense", "dense2": "dense_1"}
    forms: dict[str, Callable[[str, str], str]] = {
        "keras2-metrics": lambda layer, one: f"layers/{folders[layer]}/vars/{NUMBERS[one]}",
        "keras2-of-2.12": lambda layer, one: f"{OF_2_12}/{folders[layer]}/vars/{NUMBERS[one]}",
        "keras2-nested": lambda layer, one: f"{OF_2_12}/net/{OF_2_12}/{folders[layer]}/vars/{NUMBERS[one]}",
        "keras2-subclassed": lambda layer, one: f"{OWN[layer]}/vars/{NUMBERS[one]}",
        "keras2-legacy": lambda layer, one: f"{layer}/{layer}/{one}:0",
        "keras2-legacy-numbered": lambda layer, one: f"{NINE[layer]}/net/{NINE[layer]}/{one}:0",
        "keras2-whole": lambda layer, one: f"model_weights/{layer}/{layer}/{one}:0",
        "keras2-misshaped": lambda layer, one: f"{NINE[layer]}/{NINE[layer]}/{one}:0",
    }
    files = {}
    for case, place in forms.items():
        files[case] = good.parent / f"{case}.h5"
        with h5py.File(files[case], "w") as file:
            for name, array in weights.items():
                file[place(*name.split("/"))] = array
            for at in BOOKKEEPING:
                file[at] = np.zeros((), np.float32)
            file["metrics/auc/vars/0"] = np.zeros(200, np.float32)
    with h5py.File(files["keras2-misshaped"], "r+") as file:
        put("dense_9/dense_9/kernel:0", np.zeros((3136, 1024), np.float32))(file)
    files["keras2-functional"] = good.parent / "functional.keras"
    with zipfile.ZipFile(users) as old, zipfile.ZipFile(files["keras2-functional"], "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "config.json":
                content = content.replace(b"keras.src.models.functional", b"tf_keras.src.engine.functional")
            new.writestr(name, content)
    return files


NUMBERS = {"kernel": 0, "bias": 1}
OF_2_12 = "_layer_checkpoint_dependencies"
OWN = {"conv1": "stem", "conv2": "features", "dense1": "hidden", "dense2": "classes"}
NINE = {"conv1": "conv2d_9", "conv2": "conv2d_10", "dense1": "dense_9", "dense2": "dense_10"}
BOOKKEEPING = [
    "metrics/mean/vars/0", "metrics/mean/vars/1", "metrics/mean_metric_wrapper/vars/0", "optimizer/vars/0",
    "optimizer_weights/Adam/iteration:0", "layers/dropout/seed_generator/vars/0", "_compile_metrics/vars/0",
]  # fmt: skip


def main() -> None:
    """Write every file, read each, and save the logits of two models."""
    weights, directory = safetensors.numpy.load_file(sys.argv[1]), Path(sys.argv[2])
    weights = {name: weights[name] for name in SPEC.parameter_shapes()}
    files = {"users": directory / "users.keras", "good": directory / "good.weights.h5"}
    model = users_model(weights)
    model.save(files["users"])
    model.save_weights(files["good"])
    files["subclassed"] = directory / "subclassed.weights.h5"
    ours = LeNet(SPEC, "float32")
    load(ours, weights)
    ours.save_weights(files["subclassed"])
    nan = weights["dense1/bias"].copy()
    nan[5] = np.nan
    edits = {
        "missing": lambda file: file.pop("layers/conv2d/vars/1") and None,
        "extra": put("layers/dense_2/vars/0", np.zeros((3, 4), np.float32)),
        "misshaped": put("layers/dense/vars/0", np.zeros((3136, 1024), np.float32)),
        "half": put("layers/dense_1/vars/1", np.zeros(10, np.float16)),
        "mixed": put("layers/dense_1/vars/1", np.zeros(10, np.float64)),
        "nan": put("layers/dense/vars/1", nan),
        "external": external,
    }
    files |= {case: edited(files["good"], case, edit) for case, edit in edits.items()}
    files |= keras_2(weights, files["good"], files["users"])
    files["whole"] = directory / "whole.h5"
    model.save(files["whole"])
    files["text"] = directory / "text.weights.h5"
    files["text"].write_text("not a checkpoint")
    files["no-weights"] = directory / "no-weights.keras"
    with zipfile.ZipFile(files["no-weights"], "w") as archive:
        archive.writestr("config.json", "{}")
    report(checkpoint, files, weights)
    tanh = directory / "tanh.keras"
    users_model(weights, "tanh").save(tanh)
    np.save(directory / "tanh.npy", test_logits(checkpoint, tanh, "float32"))
    np.save(directory / "users.npy", test_logits(checkpoint, files["users"], "float32"))
    for case in ("users", "keras2-functional", "whole", "keras2-of-2.12"):
        few = checkpoint.logits(checkpoint.model(files[case], SPEC, "float32"), IMAGES)
        np.save(directory / f"{case}-few.npy", few)
    models = {
        "class.keras": keras.Sequential([keras.Input((28, 28, 1)), type("Own", (layers.Layer,), {})()]),
        "lambda.h5": users_model(weights, keras.layers.Lambda(abs)),
    }
    for name, refused in models.items():
        refused.save(directory / name)
        try:
            checkpoint.model(directory / name, SPEC, "float32")
        except checkpoint.Unreadable as error:
            (directory / f"{name}.txt").write_text(str(error))


if __name__ == "__main__":
    main()
