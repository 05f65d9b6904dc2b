# SPDX-License-Identifier: MIT
"""Are programs found, run on one thread, and quoted when they fail?"""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

import pytest

from merrow.ambertools import programs
from merrow.ambertools.programs import find_program, run_program, version
from merrow.errors import MerrowError, MissingComponentError


def script(folder: Path, text: str) -> None:
    path = folder / "antechamber"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_an_absent_program_names_both_ways_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(MissingComponentError) as caught:
        find_program("antechamber")
    assert "conda install -c conda-forge ambertools" in str(caught.value)
    assert 'pip install "merrow[amber]"' in str(caught.value)


def test_path_comes_before_the_folder_of_python(monkeypatch, tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        script(tmp_path / name, "exit 0")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "second" / "python"))
    monkeypatch.setenv("PATH", "")
    assert find_program("antechamber") == tmp_path / "second" / "antechamber"
    monkeypatch.setenv("PATH", str(tmp_path / "first"))
    assert find_program("antechamber") == tmp_path / "first" / "antechamber"


def test_a_failure_quotes_the_tail_of_the_log_and_keeps_it(monkeypatch, tmp_path):
    script(tmp_path, 'echo "threads $OMP_NUM_THREADS"; echo "no such atom" >&2; exit 3')
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(MerrowError, match=re.escape("exit code 3")) as caught:
        run_program("antechamber", [], folder=tmp_path, log="a.log")
    assert "threads 1 | no such atom" in str(caught.value)
    assert (tmp_path / "a.log").read_text() == "threads 1\nno such atom\n"


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MerrowError])
def test_what_stops_a_program_ends_what_it_started_too(monkeypatch, tmp_path, error):
    """As antechamber starts sqm by way of a shell."""
    script(tmp_path, "sh -c 'sleep 1000 & echo $! > begun; mv begun sqm; wait'; exit 0")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(programs, "LOOK", 0.05)

    def stop():
        if (tmp_path / "sqm").exists():
            raise error

    with pytest.raises(error):
        run_program("antechamber", [], folder=tmp_path, log="a.log", meanwhile=stop)
    sqm = int((tmp_path / "sqm").read_text())
    end = time.monotonic() + 10.0
    while is_running(sqm) and time.monotonic() < end:  # what is killed may need a moment
        time.sleep(0.02)
    assert not is_running(sqm)


@pytest.mark.usefixtures("ambertools")
def test_ambertools_tells_its_version():
    assert re.fullmatch(r"\d+\.\d+", version())
