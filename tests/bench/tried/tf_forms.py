"""TensorFlow: from `tf:eager` to `tf:tuned` and its graph, one change at a time, and what did not help."""

from __future__ import annotations

import tensorflow as tf

from tests.bench.tried.form import Form
from tf_impl import graph, keras_fit, train, tuned, tuned_graph, xla
from tf_impl.model import dropout


class NoKerasCalls(train.Trainer):
    """`tf.nn` operations on the model's variables, in the spec's order."""

    def forward(self, images, labels, dropout_mask):
        spec, v = self.spec, self.variables
        x = self.block(images, v["conv1/kernel"], v["conv1/bias"], spec.conv1, spec.pool1)
        x = self.block(x, v["conv2/kernel"], v["conv2/bias"], spec.conv2, spec.pool2)
        x = tf.reshape(x, (-1, spec.flat_size))
        x = tuned.dense(x, v["dense1/kernel"], v["dense1/bias"], spec.dense1)
        x = dropout(x, dropout_mask, spec.dropout.rate)
        logits = tuned.dense(x, v["dense2/kernel"], v["dense2/bias"], spec.dense2)
        return self.loss(logits, labels), logits

    def block(self, images, kernel, bias, layer, pool):
        x = tf.nn.conv2d(images, kernel, layer.stride, layer.padding.upper())
        x = tuned.activate(tf.nn.bias_add(x, bias), layer)
        return tf.nn.max_pool2d(x, pool.size, pool.stride, "VALID")


class PoolFirst(NoKerasCalls):
    def block(self, images, kernel, bias, layer, pool):
        x = tf.nn.conv2d(images, kernel, layer.stride, layer.padding.upper())
        x = tf.nn.max_pool2d(x, pool.size, pool.stride, "VALID")
        return tuned.activate(tf.nn.bias_add(x, bias), layer)


class NoImageGradient(PoolFirst):
    """And the gradient of the images, which nobody asked for, is not worked out."""

    def block(self, images, kernel, bias, layer, pool):
        if images.shape[-1] != self.spec.input.channels:
            return super().block(images, kernel, bias, layer, pool)
        x = tuned.image_conv(images, tf.convert_to_tensor(kernel), layer)
        x = tf.nn.max_pool2d(x, pool.size, pool.stride, "VALID")
        return tuned.activate(tf.nn.bias_add(x, bias), layer)


FORMS = (
    Form("tf:eager", "the baseline", train.Trainer),
    Form("no Keras calls", "tf.nn operations in place of Keras layers", NoKerasCalls),
    Form("pool first", "and pooling before bias and ReLU", PoolFirst),
    Form("no image gradient", "and no gradient of the images", NoImageGradient),
    Form("tf:tuned", "and a max pool whose gradient is elementwise operations", tuned.Trainer),
    Form("tf:keras", "Keras' own train_on_batch", keras_fit.Trainer),
    Form("tf:graph", "tf.function of the baseline", graph.Trainer),
    Form("tf:tuned-graph", "tf.function of tuned", tuned_graph.Trainer),
    Form("tf:xla", "the graph compiled by XLA", xla.Trainer),
)
