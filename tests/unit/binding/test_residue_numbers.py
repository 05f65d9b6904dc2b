# SPDX-License-Identifier: MIT
"""Do shares of residues have the numbers of the prmtop, and the errors of a mean?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from parmed import Atom, AtomType, Structure
from parmed.amber import AmberParm, LoadParm

from merrow.binding.mmpbsa import residue_shares
from merrow.binding.mmpbsa_program import read_residue_table, split_topology
from merrow.uncertainty import mean

TABLE = """DELTAS:
Total Energy Decomposition:
Residue,Location,Internal,,,TOTAL,,
,,Avg.,Std. Dev.,Std. Err. of Mean,Avg.,Std. Dev.,Std. Err. of Mean
HST   1,R HST   1,0.0,0.0,0.0,-0.5,0.2,0.05
GST   2,L GST   1,0.0,0.0,0.0,0.7,0.3,0.07
"""


@pytest.fixture
def ion_first(systems, tmp_path):
    """Write a prmtop of a sodium ion, a host and a guest, in this order."""
    ion = Atom(name="Na+", type="Na+", atomic_number=11, charge=1.0, mass=22.99)
    ion.atom_type = AtomType("Na+", None, 22.99, 11)
    ion.atom_type.set_lj_params(0.0028, 1.868)
    alone = Structure()
    alone.add_atom(ion, "Na+", 0)
    path = tmp_path / "ion_first.prmtop"
    both = alone + LoadParm(str(systems / "complex.prmtop"))
    AmberParm.from_structure(both).write_parm(str(path))
    return path


def test_an_ion_before_the_complex_shifts_no_residue(ion_first, tmp_path):
    (tmp_path / "residues.csv").write_text(TABLE)
    species = split_topology(ion_first, range(1, 35), range(22, 35), igb=5, folder=tmp_path / "t")
    assert species.ligand_mask == ":2"
    found = read_residue_table(tmp_path / "residues.csv", species.residues)
    assert found == {"HST 2": (-0.5, 0.05), "GST 3": (0.7, 0.07)}


def test_numbers_that_touch_their_names_are_read(tmp_path):
    (tmp_path / "residues.csv").write_text(TABLE.replace("HST   1,", "HST1000,", 1))
    residues = [("WAT", 0)] * 999 + [("HST", 1004)]
    residues[1] = ("GST", 3)
    found = read_residue_table(tmp_path / "residues.csv", residues)
    assert list(found) == ["HST 1004", "GST 3"]


def test_the_error_of_a_share_is_that_of_a_mean(systems, tmp_path):
    x = np.random.default_rng(7).normal(size=12)
    plain = x.std() / np.sqrt(len(x))  # as MMPBSA has it
    table = TABLE.replace("0.7,0.3,0.07", f"{x.mean():.12f},{x.std():.12f},{plain:.12f}")
    (tmp_path / "residues.csv").write_text(table)
    prmtop = systems / "complex.prmtop"
    species = split_topology(prmtop, range(34), range(21, 34), igb=5, folder=tmp_path / "t")
    total = replace(mean(x), inefficiency=4.0)
    _, error = residue_shares(tmp_path / "residues.csv", species, total)["GST 2"]
    assert error == pytest.approx(2.0 * x.std(ddof=1) / np.sqrt(len(x)))
