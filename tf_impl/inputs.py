"""Defines the input pipelines that TensorFlow's users write. Read it beside torch_impl/inputs.py.

The shared order of images replaces the framework's order, and nothing else: the framework itself fetches,
scales, batches and prefetches. images: [count, 28, 28] uint8; labels: [count] uint8; order: [steps, N]
indices. Each pipeline yields images [N, 28, 28, 1] of `dtype`, and labels [N] int64.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tf_impl import train

Batches = Iterator[tuple[tf.Tensor, tf.Tensor]]
Trainer = train.Trainer  # the eager step takes what a pipeline yields


def tutorial(images: np.ndarray, labels: np.ndarray, order: np.ndarray, dtype: str) -> Batches:
    """Map a function over single images, then batch and prefetch: tf.data as its tutorials write it."""
    all_images, all_labels = tf.constant(images), tf.constant(labels)

    def example(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(all_images, index), tf.gather(all_labels, index)

    def normalize(image: tf.Tensor, label: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # multiplies by 1/255; the tutorials' `/ 255` changes the last bit of 126 of the 256 values
        in_float32 = tf.image.convert_image_dtype(image[..., tf.newaxis], tf.float32)
        return tf.cast(in_float32, dtype), tf.cast(label, tf.int64)

    data = tf.data.Dataset.from_tensor_slices(order.reshape(-1)).map(example)
    data = data.map(normalize, num_parallel_calls=tf.data.AUTOTUNE)
    return iter(data.batch(order.shape[1]).prefetch(tf.data.AUTOTUNE))


def by_index(images: np.ndarray, labels: np.ndarray, order: np.ndarray, dtype: str) -> Batches:
    """Scale all images once; tf.data gathers a whole batch for each row of indices, and prefetches."""
    all_images, all_labels = (tf.constant(array) for array in scaled(images, labels, dtype))

    def batch(index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(all_images, index), tf.gather(all_labels, index)

    data = tf.data.Dataset.from_tensor_slices(order).map(batch, num_parallel_calls=tf.data.AUTOTUNE)
    return iter(data.prefetch(tf.data.AUTOTUNE))


def keras_arrays(images: np.ndarray, labels: np.ndarray, order: np.ndarray, dtype: str) -> Batches:
    """Read as `fit(x, y)` reads: by Keras' own adapter, over arrays that are sorted in the shared order.

    The adapter is not public. `fit` is the only public way to it, but `fit` shuffles in its own order.
    """
    from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

    permuted = [array[order.reshape(-1)] for array in scaled(images, labels, dtype)]
    adapter = ArrayDataAdapter(*permuted, batch_size=order.shape[1], shuffle=False)
    return iter(adapter.get_tf_dataset())


def scaled(images: np.ndarray, labels: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return all images [count, 28, 28, 1] in [0, 1], scaled in float32, and all labels as int64."""
    in_float32 = images[..., np.newaxis] * np.float32(1 / 255)
    return in_float32.astype(dtype, copy=False), labels.astype(np.int64)


PIPELINES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, str], Batches]] = {
    "tutorial": tutorial,
    "by-index": by_index,
    "keras-arrays": keras_arrays,
}
