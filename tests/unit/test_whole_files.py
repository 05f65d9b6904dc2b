# SPDX-License-Identifier: MIT
"""Does a file that is written again remove what a killed process had begun of it, and no more?"""

from __future__ import annotations

import os
import subprocess
import sys

from merrow.files import atomic_write


def test_what_a_killed_process_had_begun_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    theirs = (tmp_path / f".restrt.{dead.pid}.part", tmp_path / f".restrt.{2**80}.part")
    others = [f".restrt.{os.getppid()}.part", f".mdinfo.{dead.pid}.part", ".restrt.old.part"]
    for path in (*theirs, *(tmp_path / name for name in others)):
        path.write_text("half")
    atomic_write(tmp_path / "restrt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "restrt"])
    assert (tmp_path / "restrt").read_text() == "whole"
