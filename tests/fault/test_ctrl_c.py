# SPDX-License-Identifier: MIT
"""Does Ctrl-C, typed in a terminal, end every long command with a sentence and no process left?

The seconds that it takes are measured by `benchmarks/ctrl_c.py`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from merrow.ambertools.programs import find_program
from merrow.errors import MissingComponentError

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from long_runs import PLUGINS, SIGNS, commands, make_inputs
from terminal import stop_by_hand

pytestmark = pytest.mark.slow
RESUMED = ("hydration", "campaign run", "simulate")
"""Verbs that continue where they were; the others say what they need, or start anew."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """The files that the commands read."""
    try:
        find_program("MMPBSA")
    except MissingComponentError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("inputs")
    make_inputs(folder)
    return folder


@pytest.mark.parametrize("verb", SIGNS)
def test_ctrl_c_ends_a_command_in_a_terminal(inputs, monkeypatch, verb):
    if verb == "prepare complex":
        pytest.importorskip("pdb2pqr")
    paths = (os.environ.get("PYTHONPATH"), PLUGINS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    words = commands(f"out-{verb.replace(' ', '-')}")[verb]
    told = stop_by_hand(words, inputs, sign=SIGNS[verb], mark=f"test-{verb}")
    assert told.seconds is not None, told.seen
    assert "Traceback" not in told.seen, told.seen
    assert told.code == 130, told.seen
    assert "merrow: stopped" in told.last, told.seen
    assert not told.left
    if verb in RESUMED:
        assert "run the same command again to resume" in " ".join(told.seen.split())
