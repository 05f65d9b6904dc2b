# SPDX-License-Identifier: MIT
"""Does a dynamics run that is killed or stopped leave files that the next one goes on from?"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from merrow.amber.trajectory import read_restart_metadata, read_trajectory
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md

TEXT = """methane in vacuum
 &cntrl
  imin=0, irest=0, ntx=1, nstlim={steps}, dt=0.0005, tempi=300.0, ntb=0, cut=999.0, ig=11,
  ntt=3, gamma_ln=5.0, temp0=300.0, ntpr=50, ntwx=50, ntwr=50, ifmlp=1,
 /
 &mlp animask=':1', potential='mm' /
"""
ON = TEXT.replace("irest=0, ntx=1", "irest=1, ntx=5").replace("tempi=300.0, ", "")


@pytest.fixture
def gas(systems, tmp_path, monkeypatch):
    """Methane's prmtop and coordinates; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    base = systems / "methane"
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd")


def begin(gas, text=TEXT):
    """Start a run that would take for ever, and wait for its first restart file."""
    Path("mdin").write_text(text.format(steps=100_000_000))
    command = [str(Path(sys.executable).with_name("merrow")), "md", "-p", gas[0], "-c", gas[1]]
    process = subprocess.Popen(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120.0
    while not Path("restrt").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


@pytest.mark.slow
def test_a_killed_run_goes_on_as_if_nothing_had_happened(gas):
    process = begin(gas)
    process.kill()
    process.communicate()
    step = read_restart_metadata(Path("restrt")).step
    assert step >= 50
    assert step % 50 == 0
    # frames are written before the restart of their step
    assert len(read_trajectory(Path("mdcrd")).times) >= step // 50
    Path("restrt").rename("killed.rst")
    Path("mdin").write_text(ON.format(steps=100))
    run_md(read_md_settings("mdin"), gas[0], "killed.rst", overwrite=True)
    continued = Path("restrt").read_bytes()
    Path("mdin").write_text(TEXT.format(steps=step + 100))
    run_md(read_md_settings("mdin"), *gas, overwrite=True)
    assert Path("restrt").read_bytes() == continued


@pytest.mark.slow
def test_a_killed_run_leaves_the_frames_at_which_the_members_disagreed(gas):
    ml = "potential='tiny-ani', max_spread=1e-6, on_spread='save'"  # every block is beyond
    changes = (("potential='mm'", ml), ("ntpr=50", "ntpr=10"))
    text, more = TEXT, ON
    for change in changes:
        text, more = text.replace(*change), more.replace(*change)
    process = begin(gas, text)
    process.kill()
    process.communicate()
    step = read_restart_metadata(Path("restrt")).step
    killed = read_trajectory(Path("mdspread"))
    upto = step // 10 + 1  # those of the step of the restart, and of the first one
    assert len(killed.times) >= upto
    Path("mdspread").rename("first.nc")
    Path("restrt").rename("killed.rst")
    Path("mdin").write_text(more.format(steps=50))
    run_md(read_md_settings("mdin"), gas[0], "killed.rst", overwrite=True)
    goes_on = read_trajectory(Path("mdspread"))
    Path("mdin").write_text(text.format(steps=step + 50))
    run_md(read_md_settings("mdin"), *gas, overwrite=True)
    whole = read_trajectory(Path("mdspread"))
    assert whole.times == pytest.approx(np.concatenate([killed.times[:upto], goes_on.times]))
    parts = np.concatenate([killed.positions[:upto], goes_on.positions])
    np.testing.assert_array_equal(parts, whole.positions)


@pytest.mark.slow
def test_a_stopped_run_says_how_to_go_on(gas):
    process = begin(gas)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    step = read_restart_metadata(Path("restrt")).step
    assert f"restrt holds step {step}" in told
    assert f"-c restrt, irest=1, ntx=5, nstlim={100_000_000 - step}" in told
    assert told.strip().removeprefix("merrow: ") in Path("mdout").read_text()
