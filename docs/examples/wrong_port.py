"""The tutorial's LeNet, ported to PyTorch by hand. It trains well and is wrong: see docs/parity.md for where.

`Trainer` is all that the ladder asks of a port. Arrays come and go in TensorFlow's layouts.
"""

import math

import numpy as np
import torch
from torch import nn
from torch.nn import functional


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 5)
        self.conv2 = nn.Conv2d(32, 64, 5)
        self.dense1 = nn.Linear(1024, 1024)
        self.dense2 = nn.Linear(1024, 10)

    def forward(self, images, dropout_mask=None):
        """Every layer's output by name. images: [N, 1, 28, 28]."""
        conv1 = torch.relu(self.conv1(images))  # [N, 32, 24, 24]
        pool1 = functional.max_pool2d(conv1, 2)  # [N, 32, 12, 12]
        conv2 = torch.relu(self.conv2(pool1))  # [N, 64, 8, 8]
        pool2 = functional.max_pool2d(conv2, 2)  # [N, 64, 4, 4]
        flat = pool2.flatten(1)  # [N, 1024]
        dense1 = torch.relu(self.dense1(flat))  # [N, 1024]
        dropout = dense1 if dropout_mask is None else dense1 * dropout_mask / (1 - 0.75)
        logits = self.dense2(dropout)  # [N, 10]
        return {
            "conv1": conv1,
            "pool1": pool1,
            "conv2": conv2,
            "pool2": pool2,
            "flat": flat,
            "dense1": dense1,
            "dropout": dropout,
            "logits": logits,
        }


class Trainer:
    def __init__(self, spec, weights, *, device, dtype):
        self.adam = spec.adam
        self.device, self.dtype = torch.device(device), getattr(torch, dtype)
        self.net = Net().to(self.device, self.dtype)
        self.named = {}
        for name in ("conv1", "conv2", "dense1", "dense2"):
            layer = getattr(self.net, name)
            self.named[f"{name}/kernel"], self.named[f"{name}/bias"] = layer.weight, layer.bias
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(torch.from_numpy(turn(weights[name])))
        self.optimizer = torch.optim.Adam(
            self.named.values(), lr=self.adam.learning_rate, betas=(self.adam.beta1, self.adam.beta2)
        )
        self.steps = 0

    def step(self, images, labels, dropout_mask=None):
        """One update; the loss and the logits from before it."""
        self.steps += 1
        for group in self.optimizer.param_groups:  # TensorFlow's epsilon stands outside the bias correction
            group["eps"] = self.adam.epsilon_hat / math.sqrt(1 - self.adam.beta2**self.steps)
        self.optimizer.zero_grad()
        loss, logits = self.loss(images, labels, dropout_mask)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), logits.detach()

    def loss(self, images, labels, dropout_mask):
        logits = self.net(self.tensor(images), self.tensor(dropout_mask))["logits"]
        return functional.cross_entropy(logits, self.tensor(labels)), logits

    def logits(self, images):
        with torch.no_grad():
            return self.to_numpy(self.net(self.tensor(images))["logits"])

    def activations(self, images, dropout_mask=None):
        with torch.no_grad():
            layers = self.net(self.tensor(images), self.tensor(dropout_mask))
        return {name: turn_images_back(self.to_numpy(layer)) for name, layer in layers.items()}

    def gradients(self, images, labels, dropout_mask=None):
        loss, _ = self.loss(images, labels, dropout_mask)
        found = torch.autograd.grad(loss, list(self.named.values()))
        return {name: turn_back(self.to_numpy(one)) for name, one in zip(self.named, found, strict=True)}

    def parameters(self):
        return {name: turn_back(self.to_numpy(one)).copy() for name, one in self.named.items()}

    def tensor(self, array):
        if array is None:
            return None
        tensor = torch.from_numpy(array).to(self.device)
        return tensor.permute(0, 3, 1, 2).contiguous() if tensor.ndim == 4 else tensor  # NHWC -> NCHW

    def to_numpy(self, tensor):
        return tensor.detach().cpu().numpy()

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()


def turn(kernel):
    """HWIO -> OIHW, [in, out] -> [out, in]."""
    axes = {4: (3, 2, 0, 1), 2: (1, 0), 1: (0,)}[kernel.ndim]
    return np.ascontiguousarray(kernel.transpose(axes))


def turn_back(kernel):
    """OIHW -> HWIO, [out, in] -> [in, out]."""
    axes = {4: (2, 3, 1, 0), 2: (1, 0), 1: (0,)}[kernel.ndim]
    return np.ascontiguousarray(kernel.transpose(axes))


def turn_images_back(units):
    """NCHW -> NHWC."""
    return np.ascontiguousarray(units.transpose(0, 2, 3, 1)) if units.ndim == 4 else units
