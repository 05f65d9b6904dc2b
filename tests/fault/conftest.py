# SPDX-License-Identifier: MIT
"""A tiny real run of methane in MM water, and a tiny campaign, to be disturbed."""

from __future__ import annotations

import pytest
from tiny_campaign import TinyCampaign, write_table
from tiny_run import SEGMENTS, TinyRun, segments


@pytest.fixture(scope="session")
def gas(systems):
    """Gas-phase prmtop and inpcrd of methane."""
    base = systems / "methane"
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd")


@pytest.fixture(scope="session")
def ethanol(systems):
    """Gas-phase prmtop and inpcrd of ethanol, which has two conformers."""
    base = systems / "ethanol"
    return base.with_suffix(".prmtop"), base.with_suffix(".inpcrd")


@pytest.fixture
def tiny(gas, tmp_path):
    """Make a tiny run with so many processes; whatever is left of it is ended with the test."""
    made = []

    def make(processes, folder=None, molecule=gas):
        made.append(TinyRun(folder or tmp_path / "run", molecule, processes))
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


@pytest.fixture(scope="session")
def undisturbed_ethanol(ethanol, tmp_path_factory):
    """The same of ethanol, whose path takes conformers of the gas phase."""
    run = TinyRun(tmp_path_factory.mktemp("ethanol") / "run", ethanol, 1)
    run.complete()
    return run.folder


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """Table of methane, methanol, and a lost file."""
    return write_table(tmp_path_factory.mktemp("table"))


@pytest.fixture(scope="session")
def undisturbed_campaign(table, tmp_path_factory):
    """A campaign that nobody disturbed."""
    campaign = TinyCampaign(table, tmp_path_factory.mktemp("campaign") / "set")
    campaign.complete()
    return campaign


@pytest.fixture
def tiny_campaign(table, tmp_path):
    """Make a tiny campaign in a folder of its own; what is left of it is ended with the test."""
    made = []

    def make(*more, folder=None):
        folder = folder or tmp_path / str(len(made)) / "set"
        made.append(TinyCampaign(table, folder, *more))
        return made[-1]

    yield make
    for campaign in made:
        campaign.end()
