"""Out of an error's many lines, the one that carries the reason, and the cure: pure functions of its text.

Frameworks begin a message with a heading, a traceback of its own, or a whole page: TensorFlow's native
runtime, protobuf, NumPy's C extensions, a compiler's output, Keras' layers. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compare.variables import names_removed

LONGEST_REASON, LONGEST_CURE = 300, 200  # characters
TRACEBACK = "Traceback (most recent call last):"

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Lines that announce the reason, or surround it.
HEADING = re.compile(
    r"\W*$|Traceback \(|During handling of|The above exception was|IMPORTANT: PLEASE READ|File \"|"
    r"Exception encountered when calling|Graph execution error|C\+\+ compile error|in user code:|"
    r"Detected at node|Stack trace|<stack traces|Command:|Output:|In file included from|Arguments received by"
)
# Lines that are the reason wherever they stand.
DECISIVE = re.compile(
    r"cannot open shared object|file too short|invalid ELF header|wrong ELF class|version `[^']+' not found|"
    r"undefined symbol|failed to map segment|static TLS block|Library not loaded|fatal error:|"
    r"No working C\+\+ compiler|Original error was|^ +[A-Z]\w*(?:Error|Exception): "
)
CURE = re.compile(
    r"(?:\W|\d+[.)])*(?:please |try to |try |you can |you may |you should |you need to |consider |or |"
    r"(?:the )?(?:easiest )?(?:solution|fix) (?:is|will be) to )*(?:re)?"
    r"(?:install|downgrade|upgrade|update|set|unset|export|use|rebuild|recompile|increase|reduce)(?:ing)?\b",
    re.IGNORECASE,
)
LIST_MARK = re.compile(r"(?:[-*•]|\d+[.)])\s+")
# A line of TensorFlow's log that ends the process; its stack follows.
FATAL = re.compile(r"F\d{4} \S+ +\d+ \S+\] (.+)")
EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failed)(?:: |$)")


@dataclass(frozen=True)
class Reason:
    """One line, and another with what the error itself advises; empty if there is none."""

    line: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.line.rstrip('.')}. {self.cure}" if self.cure else self.line


def reason_of(error: BaseException) -> Reason:
    """Return the reason of an exception, or of the one behind it that says more."""
    outer = reason_in(str(error))
    line = outer.line if EXCEPTION.match(outer.line) else f"{type(error).__name__}: {outer.line}".rstrip(": ")
    for one in causes(error):
        inner = reason_in(str(one))
        if not outer.line:
            return Reason(f"{type(one).__name__}: {inner.line}", inner.cure)
        if DECISIVE.search(inner.line) and not DECISIVE.search(line) and inner.line not in line:
            return Reason(f"{line} ({inner.line})", outer.cure or inner.cure)
    return Reason(line, outer.cure)


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions behind one, nearest first."""
    seen = {id(error)}
    following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        error = following
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def reason_in(text: str) -> Reason:
    """Return the reason and the cure in the text of an error."""
    lines = lines_of(text)
    inner = lines[last_traceback(lines) :]
    content = [number for number, line in enumerate(inner) if has_content(line, in_traceback=inner != lines)]
    if not content:
        return Reason(shortened(" ".join(lines), LONGEST_REASON))
    first = next((number for number in content if DECISIVE.search(inner[number])), content[0])
    heading = inner[first - 1].strip() if first and inner[first - 1].endswith(":") else ""
    line = inner[first].strip().removeprefix("Original error was: ")
    if heading and not HEADING.match(heading):
        line = f"{heading} {line}"
    return Reason(shortened(line, LONGEST_REASON), cure_in([inner[n] for n in content if n > first]))


def last_line(log: str) -> str:
    """Return what a log ends with: the reason of a traceback or of a failed check, else its last line."""
    lines = lines_of(log)
    start = last_traceback(lines)
    if start and len(lines) - start < 100:
        return reason_in("\n".join(lines[start - 1 :])).line
    if fatal := [found[1] for line in lines[-100:] if (found := FATAL.match(line))]:
        return shortened(fatal[-1].strip(), LONGEST_REASON)
    return shortened(lines[-1].strip(), LONGEST_REASON) if lines else ""


def lines_of(text: str) -> list[str]:
    """Lines that are not blank, without colours, with a space for each character that cannot be printed."""
    plain = (COLOURS.sub("", line).rstrip() for line in text.splitlines())
    return ["".join(c if c.isprintable() else " " for c in line) for line in plain if line]


def last_traceback(lines: list[str]) -> int:
    """Return the number of the line after the last traceback's heading; 0 if there is none."""
    return max((number + 1 for number, line in enumerate(lines) if line.strip() == TRACEBACK), default=0)


def has_content(line: str, *, in_traceback: bool) -> bool:
    """Whether a line says something: not a heading, nor, below a traceback's heading, a line of code."""
    if in_traceback and line.startswith(" ") and not LIST_MARK.match(line.strip()):
        return False
    return not HEADING.match(line.strip()) and not line.endswith(":")


def cure_in(lines: list[str]) -> str:
    """Return the first line that says what to do, if it can be done: workers lack some variables."""
    for line in lines:
        if CURE.match(line) and not names_removed(line):
            return shortened(LIST_MARK.sub("", line.strip(), count=1), LONGEST_CURE)
    return ""


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
