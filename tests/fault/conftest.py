# SPDX-License-Identifier: MIT
"""A tiny real run of methane in MM water, to be disturbed."""

from __future__ import annotations

import pytest
from tiny_run import SEGMENTS, TinyRun, segments


@pytest.fixture(scope="session")
def gas(shared):
    """Gas-phase prmtop and inpcrd of methane."""
    base = shared / "data" / "freesolv" / "amber_gaff" / "mobley_9055303"
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd")


@pytest.fixture
def tiny(gas, tmp_path):
    """Make a tiny run with so many processes; whatever is left of it is ended with the test."""
    made = []

    def make(processes, folder=None):
        made.append(TinyRun(folder or tmp_path / "run", gas, processes))
        return made[-1]

    yield make
    for run in made:
        if run.process is not None and run.process.poll() is None:
            run.process.kill()
            run.process.communicate()


@pytest.fixture(scope="session")
def undisturbed(gas, tmp_path_factory):
    """The folder of a run that nobody disturbed, by one process."""
    run = TinyRun(tmp_path_factory.mktemp("undisturbed") / "run", gas, 1)
    run.complete()
    assert len(segments(run.folder)) == SEGMENTS
    return run.folder
