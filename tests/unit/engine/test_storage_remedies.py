# SPDX-License-Identifier: MIT
"""Does what a message on a damaged file of samples recommends help?"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from helped import helped
from merrow.engine.storage import TaskFolder, load_arrays, made_on, save_arrays


def stored(read, *, damaged):
    """Read the last segment of a leg; a damaged one is deleted and written again."""
    path = Path("segment-0001.npz")
    path.unlink(missing_ok=True)
    Path("snapshots-0001.npz").touch()
    save_arrays(path, {"energies": np.zeros(3), "made_on": np.array("CPU")})
    if damaged:
        path.write_bytes(path.read_bytes()[:40])
    return read(path)


def counted(*indices):
    """Count the segments of a task that has these."""
    folder = TaskFolder(Path("path-mm-0"))
    shutil.rmtree(folder.path, ignore_errors=True)
    for index in indices:
        save_arrays(folder.segment(index), {"energies": np.zeros(3)})
    return folder.count_segments()


FILES = [
    (
        lambda: stored(load_arrays, damaged=True),
        "delete it and run again",
        lambda: stored(load_arrays, damaged=False),
    ),
    (
        lambda: stored(made_on, damaged=True),
        "delete it and run again.",
        lambda: stored(made_on, damaged=False),
    ),
    (lambda: counted(0, 2), "restore it", lambda: counted(0, 1, 2)),
    (lambda: counted(0, 2), "or delete the folder path-mm-0", counted),
]


@pytest.mark.parametrize("row", FILES, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
