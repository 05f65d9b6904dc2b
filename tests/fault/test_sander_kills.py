# SPDX-License-Identifier: MIT
"""Do `mlmm sander`, its server and its clients survive each other's deaths?"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from mlmm.errors import MissingComponentError
from mlmm.external.extern_run import COMPILED_CLIENT
from mlmm.external.programs import find_program

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from sander_kills import KINDS, LIMIT, campaign

TOLD = {
    "client": "sander",
    "server": "the model server",
    "freeze": "no sign of life",
    "sander": "killed by signal 9",
    "owner": "",
    "interrupt": "stopped; run the same command again",
}
CODES = {"client": 1, "server": 1, "freeze": 1, "sander": 1, "owner": -9, "interrupt": 3}


@pytest.mark.slow
def test_whoever_dies_the_rest_ends_in_time_or_lives_on(gas):
    try:
        find_program("sander")
    except MissingComponentError as error:
        pytest.skip(str(error))
    if not COMPILED_CLIENT.is_file():
        pytest.skip("the client was not compiled: no C compiler at installation")
    base = Path(tempfile.mkdtemp(prefix="mlmm-kills-"))  # the path of a socket must be short
    try:
        result = campaign(base, *gas, events=2 * len(KINDS), seed=3)
    finally:
        shutil.rmtree(base, ignore_errors=True)
    assert len(result["events"]) == 12
    assert result["left"] == []
    for event in result["events"]:
        kind = event["kind"]
        assert event["seconds"] < LIMIT, event
        assert set(event["codes"].values()) == {CODES[kind]}, event
        assert all(TOLD[kind] in text for text in event["told"].values()), event
        # Whoever does not depend on the dead one goes on.
        assert len(event["living"]) == 2 - len(event["codes"]), event
