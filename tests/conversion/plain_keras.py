"""Child process, a user without this project: predictions of argv[1] .keras and argv[2] .weights.h5.

argv[3]: images, float32 [N, 28, 28, 1], as .npy; argv[4]: where the predictions [2, N] go.
"""

import sys

import keras
import numpy as np

layers = keras.layers
built = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 5, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(1024, activation="relu"),
        layers.Dropout(0.75),
        layers.Dense(10),
    ]
)
built.load_weights(sys.argv[2])
loaded = keras.models.load_model(sys.argv[1])
assert [layer.name for layer in loaded.layers] == [
    "conv1",
    "pool1",
    "conv2",
    "pool2",
    "flatten",
    "dense1",
    "dense2",
]
images = np.load(sys.argv[3])
np.save(sys.argv[4], [model.predict(images, 1000, verbose=0).argmax(1) for model in (loaded, built)])
assert not {"lenet_spec", "tf_impl", "compare"} & set(sys.modules)
