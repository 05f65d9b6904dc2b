# SPDX-License-Identifier: MIT
"""Is it told what the receptor is, and that shares of residues have another sum than TOTAL?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from parmed.amber import AmberParm, LoadParm

from merrow.amber.topology import read_topology
from merrow.binding.ensembles import MmpbsaRequest, RequestFiles
from merrow.binding.mmpbsa import OTHER_SURFACE, _notes
from merrow.binding.mmpbsa_program import Settings
from merrow.trajectories import DryFrames, dry_atoms


def notes(prmtop, ligand, methods=("gb",), **settings):
    """Return the notes on a binding energy from twelve frames."""
    topology = read_topology(prmtop)
    atoms = dry_atoms(topology)
    frames = DryFrames(atoms, np.arange(12.0), np.zeros((12, len(atoms), 3)))
    files = Path("a.prmtop"), Path("a.nc"), ":GST", Path("out")
    request = MmpbsaRequest(*files, methods, settings=Settings(**settings))
    return _notes(request, RequestFiles(topology, ligand, [("a.nc", frames)], None))


@pytest.mark.parametrize(
    ("methods", "settings", "told"),
    [
        (("gb",), {"decompose": True}, True),
        (("gb",), {"decompose": True, "surface_tension": 0.0}, False),
        (("gb",), {"decompose": False}, False),
        (("pb",), {"decompose": True}, False),
    ],
)
def test_shares_with_another_surface_are_told_apart(systems, methods, settings, told):
    found = notes(systems / "complex.prmtop", tuple(range(21, 34)), methods, **settings)
    assert (OTHER_SURFACE in found) == told
    assert not any("The receptor is" in note for note in found)


def test_molecules_of_a_cosolvent_in_the_receptor_are_named(systems, tmp_path):
    complex_, other = (LoadParm(str(systems / f"{n}.prmtop")) for n in ("complex", "methanol"))
    path = tmp_path / "mixed.prmtop"
    AmberParm.from_structure(complex_ + other + other).write_parm(str(path))
    name = other.residues[0].name
    assert (
        f"The receptor is 3 molecules (1 HST, 2 {name} among them): all but the ligand, water and "
        "single ions."
    ) in notes(path, tuple(range(21, 34)))
