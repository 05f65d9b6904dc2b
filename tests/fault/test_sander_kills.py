# SPDX-License-Identifier: MIT
"""Do `merrow sander`, its server and its clients survive each other's deaths?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from household import KINDS, LIMIT, MDIN, campaign, unexpected, wait
from process_table import below

from merrow.amber.coordinates import read_coordinates
from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError
from merrow.sander.scratch import COMPILED_CLIENT

EVENTS = int(os.environ.get("MERROW_KILLS", 2 * len(KINDS)))
"""How often a part dies."""


@pytest.fixture
def base():
    """A folder whose path is short enough for a socket; skips where there is no sander."""
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))
    folder = Path(tempfile.mkdtemp(prefix="merrow-kills-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_killed_run_takes_its_own_server_and_sander_along(gas, base):
    # Here `merrow sander` serves its model itself: with it, server and owner die at once.
    scratch = base / "tmp"
    scratch.mkdir()
    (base / "mdin").write_text(MDIN.format(start="irest=0, ntx=1, tempi=300.0"))
    words = [Path(sys.executable).with_name("merrow"), "sander", "-O", "-p", gas[0], "-c", gas[1]]
    environment = {**os.environ, "TMPDIR": str(scratch)}
    run = subprocess.Popen(words, cwd=base, env=environment)
    wait((base / "restrt").exists, 120.0)
    children = below(run.pid)
    assert children
    run.kill()
    run.wait()
    wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in children), LIMIT)
    read_coordinates(base / "restrt")  # whole
    (base / "mdin").write_text(MDIN.replace("100000000", "2").format(start="irest=0, ntx=1"))
    assert subprocess.run(words, cwd=base, env=environment, check=False).returncode == 0
    assert list(scratch.iterdir()) == []  # the dead one's folder and socket too


@pytest.mark.slow
def test_whoever_dies_the_rest_ends_in_time_or_lives_on(gas, base):
    if not COMPILED_CLIENT.is_file():
        pytest.skip("the client was not compiled: no C compiler at installation")
    result = campaign(base, *gas, events=EVENTS, seed=3)
    assert len(result["events"]) == EVENTS
    assert result["left"] == []
    assert [unexpected(event) for event in result["events"]] == [""] * EVENTS
    assert {event["kind"] for event in result["events"]} == set(KINDS)
    assert min(result["times"].values()) > 0.0  # they went on from their last restarts
