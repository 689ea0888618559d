"""Lists the forms of a trained model that `--inference` measures, and the packages that each needs.

`tf_impl.inference` and `torch_impl.inference` hold the code of the forms. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from compare.variants import FRAMEWORK_NAMES, Framework


@dataclass(frozen=True)
class Form:
    """One way to compute the trained model's answers. `name` is `framework:form`, as --inference takes it."""

    framework: Framework
    form: str
    does: str
    needs: tuple[str, ...] = ()  # packages, as pip and Python both name them

    @property
    def name(self) -> str:
        return f"{self.framework}:{self.form}"

    @property
    def title(self) -> str:
        return f"{FRAMEWORK_NAMES[self.framework]} {self.form}"


FORMS = (
    Form("tf", "call", "model(x): the model as it is, eagerly"),
    Form("tf", "predict", "model.predict(x): Keras' loop over batches"),
    Form("tf", "function", "tf.function(model): one graph for any batch size"),
    Form("tf", "litert", "converted to LiteRT, run by its interpreter"),
    Form("tf", "onnx-runtime", "exported by tf2onnx, run by ONNX Runtime", ("tf2onnx", "onnxruntime")),
    Form("torch", "inference-mode", "the model as it is, with autograd off"),
    Form("torch", "compiled", "torch.compile, once for each batch size"),
    Form("torch", "aot-inductor", "torch.export, compiled ahead of time by AOTInductor"),
    Form(
        "torch", "onnx-runtime", "exported by torch.onnx, run by ONNX Runtime", ("onnxscript", "onnxruntime")
    ),
)
FORMS_BY_NAME = {form.name: form for form in FORMS}
