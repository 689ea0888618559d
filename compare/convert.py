"""`python -m compare.convert SOURCE TARGET`: LeNet's weights from one framework's file to another's."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compare.command_line import parse, run_entry_point
from compare.conversion.config import ConvertConfig

if TYPE_CHECKING:
    from compare.conversion.agreement import Agreement


def main(argv: Sequence[str]) -> int:
    """0: written and checked; 1: a framework's process failed. Raises UserError for what does not match."""
    config = parse(ConvertConfig, argv, program="compare.convert")
    from compare.processes.launcher import WorkerFailed

    try:
        agreement = convert(config)
    except WorkerFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    print(f"logits    {agreement.sentence()}")
    print(f"written   {config.target}")
    return 0


def convert(config: ConvertConfig) -> Agreement:
    """Write TARGET and return how well both files' models agree.

    Raises UserError where a file, a tensor or a logit does not match, WorkerFailed where a framework's
    process dies or hangs; TARGET is then as it was.
    """
    from compare.conversion.agreement import check_agreement
    from compare.conversion.files import check_paths, replacing
    from compare.conversion.formats import format_of_source, format_of_target
    from compare.conversion.stored_models import read, write

    check_paths(config)
    source_format, target_format = format_of_source(config.source), format_of_target(config.target)
    with replacing(config.target, overwrite=config.overwrite) as temporary:
        source = read(config, source_format)
        written = write(config, target_format, temporary, source.weights)
        return check_agreement(source, written, config)


if __name__ == "__main__":
    run_entry_point(main)
