# SPDX-License-Identifier: MIT
"""Does a file that is written again remove what a killed process had begun of it, and no more?"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

from merrow.files import atomic_write, this_machine


def test_what_a_killed_process_had_begun_is_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    here = hashlib.sha256(this_machine().encode()).hexdigest()[:8]
    theirs = [tmp_path / f".restrt.{here}.{pid}.part" for pid in (dead.pid, 2**80)]
    others = [
        f".restrt.{here}.{os.getppid()}.part",
        f".mdinfo.{here}.{dead.pid}.part",
        f".restrt.{here}.old.part",
        f".restrt.0123abcd.{dead.pid}.part",  # of a process of another machine, which may live
    ]
    for path in (*theirs, *(tmp_path / name for name in others)):
        path.write_text("half")
    atomic_write(tmp_path / "restrt", "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "restrt"])
    assert (tmp_path / "restrt").read_text() == "whole"
