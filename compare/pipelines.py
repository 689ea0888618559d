"""Lists the input pipelines that `--inputs` measures: the code that each framework's users write.

`tf_impl.inputs` and `torch_impl.inputs` hold the code of the pipelines. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from compare.variants import FRAMEWORK_NAMES, Framework


@dataclass(frozen=True)
class Pipeline:
    """One way to feed the eager step. `name` is `framework:pipeline`, as --inputs takes it."""

    framework: Framework
    pipeline: str
    does: str

    @property
    def name(self) -> str:
        return f"{self.framework}:{self.pipeline}"

    @property
    def title(self) -> str:
        return f"{FRAMEWORK_NAMES[self.framework]} {self.pipeline}"


PIPELINES = (
    Pipeline("tf", "tutorial", "tf.data: map over single images, batch, prefetch"),
    Pipeline(
        "tf", "by-index", "tf.data over batches of indices: scaled once, a gather for each batch, prefetch"
    ),
    Pipeline("tf", "keras-arrays", "what Keras' fit(x, y) reads arrays with"),
    Pipeline("torch", "tutorial", "DataLoader over torchvision.datasets.MNIST with transforms v2"),
    Pipeline("torch", "tensor-dataset", "DataLoader over a TensorDataset that was scaled once"),
    Pipeline("torch", "gathered", "tensors scaled once, one gather for each batch, no loader"),
)
PIPELINES_BY_NAME = {pipeline.name: pipeline for pipeline in PIPELINES}
