"""Shows each concept in both frameworks' source. Finds the lines by name, without importing them."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from compare.rendering.concepts import CONCEPTS, Concept

ROOT = Path(__file__).resolve().parents[2]  # the directory of lenet_spec.py and both implementations


class SourceMissing(LookupError):
    """A definition that a concept names and that its file no longer has."""


@dataclass(frozen=True)
class Excerpt:
    """Definitions from one file. `where` is `file: names`; `code` holds their lines, unchanged."""

    where: str
    code: str


@dataclass(frozen=True)
class Pair:
    """A concept, with its source in each framework."""

    concept: Concept
    tensorflow: Excerpt
    pytorch: Excerpt


def pairs() -> list[Pair]:
    """Return the excerpts of all concepts. Raises SourceMissing if a definition no longer exists."""
    return [Pair(concept, excerpt(concept.tensorflow), excerpt(concept.pytorch)) for concept in CONCEPTS]


def excerpt(addresses: Sequence[str]) -> Excerpt:
    """Return definitions by addresses like `tf_impl/train.py:Trainer.loss`, also from several files."""
    code = "\n\n".join(definition(*address.split(":")) for address in addresses)
    by_file: dict[str, list[str]] = {}
    for address in addresses:
        file, name = address.split(":")
        by_file.setdefault(file, []).append(name)
    where = "; ".join(f"{file}: {', '.join(names)}" for file, names in by_file.items())
    return Excerpt(where, code)


def definition(file: str, name: str) -> str:
    """Return the lines of a function, class or assignment by its qualified name, without indentation."""
    lines, named = parsed(file)
    if name not in named:
        raise SourceMissing(
            f"{file} has no {name}, which compare/rendering/concepts.py shows. Name what took its place."
        )
    first, last = named[name]
    return textwrap.dedent("\n".join(lines[first - 1 : last]))


@cache
def parsed(file: str) -> tuple[list[str], dict[str, tuple[int, int]]]:
    """Return a file's lines, and the first and last line of each definition by its qualified name."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return text.splitlines(), dict(definitions(ast.parse(text).body))


def definitions(body: Sequence[ast.stmt], prefix: str = "") -> Iterator[tuple[str, tuple[int, int]]]:
    for node in body:
        end = node.end_lineno or node.lineno
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            yield prefix + node.name, (first, end)
            yield from definitions(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield prefix + target.id, (node.lineno, end)


def rendered() -> list[dict[str, Any]]:
    """Return each concept for the page, with both excerpts as highlighted HTML, or why one is missing."""
    return [
        {
            "concept": concept,
            "sides": [
                ("tf", "TensorFlow", *shown_excerpt(concept.tensorflow)),
                ("torch", "PyTorch", *shown_excerpt(concept.pytorch)),
            ],
        }
        for concept in CONCEPTS
    ]


def shown_excerpt(addresses: Sequence[str]) -> tuple[str, Any]:
    """Return the place of the code and the code as HTML, which is empty if the code cannot be read."""
    try:
        found = excerpt(addresses)
    except (OSError, SyntaxError, ValueError, RecursionError, SourceMissing) as error:
        files = ", ".join(dict.fromkeys(address.partition(":")[0] for address in addresses))
        return f"{files}: not shown, since it cannot be read: {type(error).__name__}", ""
    return found.where, highlighted(found.code)


@cache
def highlighted(code: str) -> Any:
    """Return Python code as escaped HTML with Pygments' short classes. The page's style sheet colours it."""
    from markupsafe import Markup
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return Markup(highlight(code, PythonLexer(), HtmlFormatter(nowrap=True)))  # noqa: S704  (Pygments escaped it)
