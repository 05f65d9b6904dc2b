# SPDX-License-Identifier: MIT
"""Do all scripts that made our figures still fit the code?"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from merrow.nonbonded.kernel import why_not

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"


def test_every_script_can_be_imported():
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    assert len(names) > 25
    command = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    done = subprocess.run(
        [sys.executable, "-c", command, *names],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_slice_of_the_kernel_campaign_finds_no_difference_and_goes_on(tmp_path):
    if reason := why_not():
        pytest.skip(reason)
    out = tmp_path / "campaign.json"
    for count in (24, 48):
        counts = ["--count", str(count), "--others", str(count)]
        command = [sys.executable, "kernel_campaign.py", *counts, "--out", str(out)]
        done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        state = json.loads(out.read_text())
        assert [state[group]["done"] for group in ("rectangular", "others")] == [count, count]


@pytest.mark.parametrize(
    "words",
    [("host_guest.py", "--runs", "runs", "--dry-run"), ("nve_erlotinib.py", "--folder", "nve")],
)
def test_what_is_not_part_of_the_repository_is_asked_for_in_a_sentence(words, tmp_path):
    done = subprocess.run(
        [sys.executable, FOLDER / words[0], *words[1:]],
        cwd=tmp_path,
        env={**os.environ, "MERROW_SHARED": str(tmp_path / "nowhere")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "give the folder of such files with --data." in done.stderr
    assert "Traceback" not in done.stderr
