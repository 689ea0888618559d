"""When two models agree, and how a target appears."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from compare.conversion.agreement import agreement_of, check_agreement
from compare.conversion.config import ConvertConfig
from compare.conversion.files import replacing
from compare.conversion.formats import format_of_target
from compare.conversion.stored_models import StoredModel
from compare.errors import UserError
from tests.conversion.commands import trained_alike


def test_a_value_that_changes_on_the_way_is_refused() -> None:
    """One bit is enough, even where no logit shows it."""
    weights, labels = trained_alike(), np.zeros(1, np.uint8)
    changed = {name: array.copy() for name, array in weights.items()}
    changed["conv1/bias"][3] = np.nextafter(changed["conv1/bias"][3], np.float32(1))
    one, other = (StoredModel(set_, np.zeros((1, 10)), labels) for set_ in (weights, changed))
    with pytest.raises(UserError, match="conv1/bias is read back with other values"):
        check_agreement(one, other, ConvertConfig(Path("a.pt"), Path("b.pt")))


def test_a_tie_within_rounding_is_counted_not_refused() -> None:
    """Two equal logits may fall either way; the sentence says so."""
    one, other = np.zeros((2, 10), np.float32), np.zeros((2, 10), np.float32)
    other[1, 7] = 1e-7
    agreement = agreement_of(one, other, np.zeros(2), "float32")
    assert agreement.holds
    assert "1 of 2 predictions equal (the others are ties within rounding)" in agreement.sentence()
    other[1, 7] = 1e-4
    assert not agreement_of(one, other, np.zeros(2), "float32").holds


def test_a_full_disk_is_one_line(tmp_path: Path) -> None:
    """Not a traceback; nothing is left."""
    with pytest.raises(UserError, match=r"out.pt cannot be written: No space left on device"):
        fill_the_disk(tmp_path / "out.pt")
    assert not list(tmp_path.iterdir())


def fill_the_disk(target: Path) -> None:
    """Fail as a write to a full disk does."""
    with replacing(target, overwrite=False):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def fail_in_the_middle(target: Path) -> None:
    """Fail after half of a target is written."""
    with replacing(target, overwrite=True) as temporary:
        temporary.write_bytes(b"half")
        raise ZeroDivisionError


def come_second(target: Path) -> None:
    """Another program writes the target in the meantime."""
    with replacing(target, overwrite=False) as temporary:
        temporary.write_bytes(b"new")
        target.write_bytes(b"precious")


def test_a_failure_leaves_the_old_target(tmp_path: Path) -> None:
    """Also with --overwrite, and a file that appears meanwhile is not replaced without it."""
    target = tmp_path / "out.pt"
    target.write_bytes(b"precious")
    with pytest.raises(ZeroDivisionError):
        fail_in_the_middle(target)
    assert target.read_bytes() == b"precious"
    target.unlink()
    with pytest.raises(UserError, match="already exists"):
        come_second(target)
    assert [path.name for path in tmp_path.iterdir()] == ["out.pt"]
    assert target.read_bytes() == b"precious"
    with replacing(target, overwrite=True) as temporary:
        temporary.write_bytes(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("name", ["weights.h5", "model.onnx", "model", ".pt"])
def test_an_unknown_suffix_is_refused(name: str) -> None:
    """With the suffixes that are known."""
    with pytest.raises(UserError, match=r"\.keras"):
        format_of_target(Path(name))
