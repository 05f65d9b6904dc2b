# SPDX-License-Identifier: MIT
"""Every door takes an input or refuses it with a named error, in time, whatever its damage.

A bounded slice; `python tests/fuzz/campaign.py --folder FOLDER` looks further.
"""

from __future__ import annotations

import pytest
from doors import doors, search

NAMES = (
    *("smiles", "mdin", "sander", "disang", "mol2", "sdf", "table"),
    *("mask", "prmtop", "coordinates", "netcdf", "trajectory", "pdb"),
    *("openmm mask", "openmm system"),
    *("run.yaml", "campaign.yaml", "simulate.yaml", "cluster.yaml", "result.json", "job"),
    *("ani", "mace", "torchscript"),
)
CASES = 150


@pytest.fixture(scope="module")
def places(tmp_path_factory, tleap):
    """Return all doors, and a folder for damaged files."""
    folder = tmp_path_factory.mktemp("doors")
    return doors(folder), folder


@pytest.mark.parametrize("name", NAMES)
def test_damaged_input_is_taken_or_refused(places, name):
    found, taken = search(name, places[0][name], places[1], cases=range(CASES), seed=20261128)
    assert not found, [(finding.case, finding.what) for finding in found]
    assert 0 < taken < CASES  # else the damage was too small or too large to try anything


def test_every_door_is_tried(places):
    assert set(places[0]) == set(NAMES)


def test_sound_input_is_taken(places):
    for name, door in places[0].items():
        for seed in door.seeds:
            argument: object = seed.decode(errors="replace")
            if door.suffix:
                argument = places[1] / f"{name}{door.suffix}"
                argument.write_bytes(seed)
            door.take(argument)  # raises if it is not
