# SPDX-License-Identifier: MIT
"""Is a file on disk either whole or not there, whatever happens while it is written?"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from merrow.engine.seeds import derive_seed, generator
from merrow.engine.storage import TaskFolder, load_arrays, save_arrays
from merrow.errors import MerrowError
from merrow.files import atomic_write, save_json

ARRAYS = {"x": np.arange(6.0).reshape(2, 3), "n": np.array([1, 2], dtype=np.int64)}


def test_arrays_come_back_to_the_last_bit(tmp_path):
    values = {"x": np.random.default_rng(1).normal(size=(3, 4)), "nan": np.array([np.nan, np.inf])}
    save_arrays(tmp_path / "deep" / "a.npz", values)
    back = load_arrays(tmp_path / "deep" / "a.npz")
    assert set(back) == set(values)
    for name, value in values.items():
        assert back[name].tobytes() == value.tobytes()
        assert back[name].dtype == value.dtype


@pytest.mark.parametrize("step", ["open", "fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "phases.npz"
    save_arrays(path, ARRAYS)
    before = path.read_bytes()

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    target = {"open": "pathlib.Path.open", "fsync": "os.fsync", "replace": "pathlib.Path.replace"}
    with monkeypatch.context() as patch:
        patch.setattr(target[step], full)
        with pytest.raises(MerrowError, match=r"the disk is full.*run the same command") as caught:
            save_arrays(path, {"x": np.zeros(9)})
    assert caught.value.exit_code == 1
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["phases.npz"]


LIMITED = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from merrow.engine.storage import save_arrays
from merrow.errors import MerrowError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    save_arrays(Path(sys.argv[1]), {"x": np.zeros(100000)})
except MerrowError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_write_that_the_system_cuts_short_leaves_nothing(tmp_path):
    # A real refusal in the middle of a write: the process may not make files above 4096 bytes.
    path = tmp_path / "segment.npz"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "cannot be written" in done.stdout
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("cut", [0, 1, 50, -10])
def test_a_damaged_file_is_named_and_not_a_traceback(tmp_path, cut):
    path = tmp_path / "segment-0000.npz"
    save_arrays(path, ARRAYS)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(MerrowError, match=r"segment-0000\.npz cannot be read"):
        load_arrays(path)


def test_a_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "segment-0000.npz"
    save_arrays(path, ARRAYS)
    content = bytearray(path.read_bytes())
    place = content.index(ARRAYS["x"].tobytes())
    content[place + 9] ^= 0xFF
    path.write_bytes(bytes(content))
    with pytest.raises(MerrowError, match="cannot be read"):
        load_arrays(path)


def test_a_segment_that_is_lost_among_others_is_missed(tmp_path):
    folder = TaskFolder(tmp_path)
    for index in range(4):
        save_arrays(folder.segment(index), ARRAYS)
    assert folder.count_segments() == 4
    folder.segment(1).unlink()
    with pytest.raises(MerrowError, match=r"segment-0001\.npz is missing, but later segments"):
        folder.count_segments()


def test_only_what_can_be_made_again_by_itself_is_to_be_deleted(tmp_path):
    folder = TaskFolder(tmp_path / "tasks" / "path-mm-0")
    folder.path.mkdir(parents=True)
    for index in range(3):
        folder.save_piece(index, ARRAYS, ARRAYS)
    save_arrays(folder.other(0), ARRAYS)
    told = {}
    for path in folder.path.iterdir():
        path.write_bytes(b"torn")
        with pytest.raises(MerrowError) as caught:
            load_arrays(path)
        told[path.stem] = str(caught.value).rpartition("; ")[2]
    alone = {name for name, words in told.items() if words == "delete it and run again."}
    assert alone == {"segment-0002", "other-0000"}
    whole = {words for name, words in told.items() if name not in alone}
    assert whole == {f"delete the folder {folder.path} and run again."}


def test_a_segment_that_is_made_again_loses_the_energies_of_the_old_frames(tmp_path):
    folder = TaskFolder(tmp_path)
    folder.save_piece(0, ARRAYS, ARRAYS)
    save_arrays(folder.other(0), {"energies": np.zeros(3)})
    folder.segment(0).unlink()  # as its message says where it is damaged
    folder.save_piece(0, ARRAYS, ARRAYS)
    assert not folder.other(0).exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MerrowError, match=r"absent\.npz"):
        load_arrays(tmp_path / "absent.npz")


def test_a_writer_that_fails_leaves_the_old_json(tmp_path):
    path = tmp_path / "done.json"
    save_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        save_json(path, {"a": float("nan")})
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_file_where_a_folder_should_be_is_an_error_of_the_user(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(MerrowError, match="cannot be written"):
        atomic_write(tmp_path / "run" / "a", b"")


def test_seeds_are_distinct_known_and_never_zero():
    labels = [(s, name, k) for s in (0, 1) for name in ("segment", "exchange") for k in range(50)]
    seeds = [derive_seed(*label) for label in labels]
    assert len(set(seeds)) == len(seeds)
    assert all(0 < seed < 2**31 for seed in seeds)
    # A change here would change every run: a published number could not be reproduced.
    assert derive_seed(2025, "path", "mm", 0) == derive_seed(2025, "path", "mm", "0")
    assert derive_seed(2025, "segment", 11) != derive_seed(2025, "segment", 1, 1)
    assert generator(7, "a").random() == generator(7, "a").random()
