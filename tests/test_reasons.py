"""Out of an error's many lines, the one that carries the reason, and the cure if it can be followed."""

from __future__ import annotations

import pytest

from compare.reasons import last_line, reason_in, reason_of

TENSORFLOW = """Traceback (most recent call last):
  File "/x/tensorflow/python/pywrap_tensorflow.py", line 73, in <module>
    from tensorflow.python._pywrap_tensorflow_internal import *
ImportError: /x/_pywrap_tensorflow_internal.so: file too short


Failed to load the native TensorFlow runtime.
See https://www.tensorflow.org/install/errors for some common causes and solutions."""
PROTOBUF = """Descriptors cannot be created directly.
If this call came from a _pb2.py file, your generated code is out of date and must be regenerated.
If you cannot immediately regenerate your protos, some other possible workarounds are:
 1. Downgrade the protobuf package to 3.20.x or lower.
 2. Set PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION=python (but this will be much slower)."""
NUMPY = """

IMPORTANT: PLEASE READ THIS FOR ADVICE ON HOW TO SOLVE THIS ISSUE!

Importing the numpy C-extensions failed. This error can happen for
many reasons, often due to issues with your setup.

Original error was: libcblas.so.3: cannot open shared object file: No such file or directory
"""
INDUCTOR = """backend='inductor' raised:
InvalidCxxCompiler: No working C++ compiler found in torch._inductor.config.cpp.cxx: ('g++',)

Set TORCHDYNAMO_VERBOSE=1 for the internal stack trace."""
COMPILER = """C++ compile error

Command:
g++ /x/x.cpp -o x.so

Output:
In file included from /x/x.cpp:2:
/x/y.h:3:10: fatal error: Python.h: No such file or directory
compilation terminated."""
KERAS = """Exception encountered when calling Conv2D.call().

\x1b[1mNegative dimension size caused by subtracting 5 from 3.\x1b[0m

Arguments received by Conv2D.call():
  • inputs=tf.Tensor(shape=(1, 3, 3, 1))"""
GRAPH = """Graph execution error:

Detected at node Add defined at (most recent call last):
<stack traces unavailable>
Incompatible shapes: [2,3] vs. [4]"""
AUTOGRAPH = """in user code:

    File "/x/a.py", line 3, in f  *
        return g(x)

    ValueError: Shapes must be equal"""

CHECK_FAILED = """E0000 00:00:1795798745.559999   24945 cuda_platform.cc:52] failed call to cuInit
F0000 00:00:1795798745.603523   24945 env.cc:410] Check failed: -1 != path_length (-1 vs. -1)
*** Check failure stack trace: ***
    @     0x7f91c131d314  (unknown)
    @     0x7f91c131d296  (unknown)"""

TEXTS = {
    TENSORFLOW: ("ImportError: /x/_pywrap_tensorflow_internal.so: file too short", ""),
    PROTOBUF: (
        "Descriptors cannot be created directly.",
        "Downgrade the protobuf package to 3.20.x or lower.",
    ),
    NUMPY: ("libcblas.so.3: cannot open shared object file: No such file or directory", ""),
    INDUCTOR: (
        f"backend='inductor' raised: {INDUCTOR.splitlines()[1]}",
        "",
    ),
    COMPILER: ("/x/y.h:3:10: fatal error: Python.h: No such file or directory", ""),
    KERAS: ("Negative dimension size caused by subtracting 5 from 3.", ""),
    GRAPH: ("Incompatible shapes: [2,3] vs. [4]", ""),
    AUTOGRAPH: ("ValueError: Shapes must be equal", ""),
    "one line": ("one line", ""),
    "": ("", ""),
    "Graph execution error:": ("Graph execution error:", ""),
}


@pytest.mark.parametrize("text", TEXTS)
def test_the_line_that_carries_the_reason(text: str) -> None:
    """And the cure, but not one that names a variable which workers do not get."""
    found = reason_in(text)
    assert (found.line, found.cure) == TEXTS[text]


def test_an_exception_is_named_once() -> None:
    """A text that begins with an exception of its own keeps that one."""
    assert str(reason_of(ImportError(TENSORFLOW))) == TEXTS[TENSORFLOW][0]
    assert str(reason_of(ValueError("two\nlines"))) == "ValueError: two"
    assert str(reason_of(ValueError())) == "ValueError"


def test_the_error_behind_says_what_the_outer_one_does_not() -> None:
    """A missing library, behind a plug-in's summary; and a cause behind an empty error."""
    outer = RuntimeError("Failed to load the backend extension: torch_npu")
    outer.__cause__ = ImportError("libascendcl.so: cannot open shared object file: No such file")
    assert str(reason_of(outer)) == (
        "RuntimeError: Failed to load the backend extension: torch_npu "
        "(libascendcl.so: cannot open shared object file: No such file)"
    )
    empty = RuntimeError()
    empty.__context__ = KeyError("conv1")
    assert str(reason_of(empty)) == "KeyError: 'conv1'"


def test_a_chain_that_bites_its_tail_ends() -> None:
    """As some libraries build them."""
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one
    assert str(reason_of(one)) == "RuntimeError: one"


@pytest.mark.parametrize(
    ("log", "last"),
    [
        ("", ""),
        ("\n \n", ""),
        ("one\ntwo\n\n", "two"),
        ("a" * 1_000, "a" * 299 + "…"),
        ("first\n\ufffd\x1b[31mred\x1b[0m\x07\n", "\ufffdred"),
        (f"before\n{TENSORFLOW}\n", TEXTS[TENSORFLOW][0]),
        (CHECK_FAILED, "Check failed: -1 != path_length (-1 vs. -1)"),
    ],
)
def test_a_log_ends_with_one_printable_line(log: str, last: str) -> None:
    """The reason of a traceback that stands at its end; else the last line that is not blank."""
    assert last_line(log) == last
