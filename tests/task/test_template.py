"""`--new-task` writes files that the ladder can read, and overwrites nothing."""

import ast
from pathlib import Path

import pytest

from compare.data.task_file import read
from compare.errors import UserError
from compare.task.template import FILES, write_new_task


def test_the_files_are_a_task_and_two_models(tmp_path: Path) -> None:
    """Each model file defines the functions of its side, and the printed command names all three files."""
    command = write_new_task(tmp_path / "port")
    assert all(str(tmp_path / "port" / name) in command for name in FILES)
    task = read(tmp_path / "port" / "task.py")
    assert list(task.first(1, 0)[0][0]) == ["images"]
    for name in ("my_keras.py", "my_torch.py"):
        tree = ast.parse((tmp_path / "port" / name).read_text())
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert functions == {"model", "loss", "optimizer"}


def test_a_file_that_already_exists_is_kept(tmp_path: Path) -> None:
    """If one file already exists, it is kept and no other file is written."""
    (tmp_path / "my_torch.py").write_text("mine")
    with pytest.raises(UserError, match=r"my_torch\.py already exists"):
        write_new_task(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["my_torch.py"]
