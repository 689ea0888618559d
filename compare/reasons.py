"""Finds the line of a long error that gives the reason, and the line that gives a cure: functions of text.

A framework's message may begin with a heading, its own traceback, or a whole page. TensorFlow's native
runtime, protobuf, NumPy's C extensions, compilers and Keras' layers do this. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from compare.variables import names_removed

LONGEST_REASON, LONGEST_CURE = 300, 200  # characters
TRACEBACK = "Traceback (most recent call last):"

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
# Lines that come before or after the reason.
HEADING = re.compile(
    r"\W*$|Traceback \(|During handling of|The above exception was|IMPORTANT: PLEASE READ|File \"|"
    r"Exception encountered when calling|Graph execution error|C\+\+ compile error|in user code:|"
    r"Detected at node|Stack trace|<stack traces|Command:|Output:|In file included from|Arguments received by"
)
# Lines that are the reason, wherever they occur.
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
# A line of TensorFlow's log that ends the process. A stack trace follows it.
FATAL = re.compile(r"F\d{4} \S+ +\d+ \S+\] (.+)")
EXCEPTION = re.compile(r"[\w.]*(?:Error|Exception|Exit|Interrupt|Warning|Failed)(?:: |$)")


@dataclass(frozen=True)
class Reason:
    """The line with the reason, and the line with the error's own advice. Either may be empty."""

    line: str
    cure: str = ""

    def __str__(self) -> str:
        return f"{self.line.rstrip('.')}. {self.cure}" if self.cure else self.line


def reason_of(error: BaseException) -> Reason:
    """Return the reason of an exception, or of one of its causes if that says more."""
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
    """Yield the causes and contexts of an exception, nearest first."""
    seen = {id(error)}
    following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        error = following
        following = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def reason_in(text: str) -> Reason:
    """Return the reason and the cure in an error's text."""
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
    """Return the reason of a traceback or of a failed check at the end of a log; otherwise the last line."""
    lines = lines_of(log)
    start = last_traceback(lines)
    if start and len(lines) - start < 100:
        return reason_in("\n".join(lines[start - 1 :])).line
    if fatal := [found[1] for line in lines[-100:] if (found := FATAL.match(line))]:
        return shortened(fatal[-1].strip(), LONGEST_REASON)
    return shortened(lines[-1].strip(), LONGEST_REASON) if lines else ""


def lines_of(text: str) -> list[str]:
    """Return the lines that are not blank, without colours; a space replaces each unprintable character."""
    plain = (COLOURS.sub("", line).rstrip() for line in text.splitlines())
    return ["".join(c if c.isprintable() else " " for c in line) for line in plain if line]


def last_traceback(lines: list[str]) -> int:
    """Return the index of the line after the heading of the last traceback; 0 if there is none."""
    return max((number + 1 for number, line in enumerate(lines) if line.strip() == TRACEBACK), default=0)


def has_content(line: str, *, in_traceback: bool) -> bool:
    """Return whether a line holds information: not a heading, nor a line of code in a traceback."""
    if in_traceback and line.startswith(" ") and not LIST_MARK.match(line.strip()):
        return False
    return not HEADING.match(line.strip()) and not line.endswith(":")


def cure_in(lines: list[str]) -> str:
    """Return the first line of useful advice. Advice to set a variable that workers do not get is useless."""
    for line in lines:
        if CURE.match(line) and not names_removed(line):
            return shortened(LIST_MARK.sub("", line.strip(), count=1), LONGEST_CURE)
    return ""


def shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
