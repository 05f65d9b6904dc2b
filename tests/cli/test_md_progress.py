# SPDX-License-Identifier: MIT
"""Does a terminal see one line that changes while a run goes on, and a file nothing?"""

from __future__ import annotations

import logging
import os
import pty
import sys
from pathlib import Path

import pytest

GAS = """gas phase
 &cntrl imin=0, nstlim=4, tempi=300.0, ntb=0, cut=999.0, ntpr=2, nscm=0, ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""


@pytest.mark.parametrize("words", [(), ("--quiet",)])
def test_a_terminal_sees_one_line_that_changes(merrow, files, monkeypatch, words):
    Path("mdin").write_text(GAS)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        assert merrow("md", "-p", files["gas"], "-c", files["gas_crd"], *words).code == 0
        print("end", file=terminal, flush=True)
        seen = os.read(master, 65536).decode()
    os.close(master)
    if words:
        assert seen.strip() == "end"
        return
    lines = seen.replace("end", "").split("\r\x1b[2K")[1:]
    steps = [line.partition(":")[0] for line in lines]  # told again while the clock goes on
    assert list(dict.fromkeys(steps)) == [f"step {k} of 4" for k in (0, 2, 4)]
    assert "EPtot" in lines[-1]
    assert "ns/day" in lines[-1]
    assert ": 100 %," in lines[-1]
    assert "left" not in lines[-1]
    assert lines[0].count("\n") == 0


def test_without_a_terminal_no_progress_is_written(merrow, files):
    Path("mdin").write_text(GAS)
    assert merrow("md", "-p", files["gas"], "-c", files["gas_crd"]).err == ""


FLEXIBLE = """water that bends, which our kernel leaves to OpenMM
 &cntrl imin=0, nstlim=2, dt=0.0005, tempi=300.0, ntt=3, gamma_ln=2.0, ntb=1, cut=8.0, ntpr=1,
  ifmlp=1 /
 &mlp animask=':1', potential='mm' /
"""


def test_whose_nonbonded_forces_they_are_is_information_and_no_warning(merrow, files, caplog):
    caplog.set_level(logging.INFO, "merrow.md.setup")
    Path("mdin").write_text(FLEXIBLE)
    words = ("-p", files["wet"], "-c", files["wet_crd"], "-O")
    assert merrow("md", *words).err == ""
    (record,) = (one for one in caplog.records if one.name == "merrow.md.setup")
    assert record.levelno == logging.INFO
    assert "nonbonded forces by OpenMM: " in record.getMessage()
