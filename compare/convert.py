"""`python -m compare.convert SOURCE TARGET`: converts LeNet's weights between the frameworks' files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from compare.command_line import parse, run_entry_point
from compare.conversion.config import ConvertConfig

if TYPE_CHECKING:
    from compare.conversion.agreement import Agreement


def main(argv: Sequence[str]) -> int:
    """Return 0 if TARGET is written and checked, 1 if a framework's process failed; else raise UserError."""
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
    """Write TARGET and return how well the models of both files agree.

    Raises UserError if a file, a tensor or a logit does not match, and WorkerFailed if a framework's process
    dies or hangs. Then TARGET is unchanged.
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
