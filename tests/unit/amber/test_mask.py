# SPDX-License-Identifier: MIT
"""Does a mask select what AMBER's own programs select, and does an empty one help the user?"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess

import numpy as np
import parmed
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merrow.amber.coordinates import read_coordinates
from merrow.amber.mask import _special, select_atoms
from merrow.amber.residues import AMINO_ACIDS
from merrow.amber.topology import read_topology
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError


@pytest.fixture(scope="module")
def files(systems, tmp_path_factory):
    """An ester in a droplet of 33 waters: prmtop and inpcrd."""
    gas = systems / "ethoxyethyl_acetate.prmtop"
    folder = tmp_path_factory.mktemp("droplet")
    wet = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=200)
    parm = parmed.load_file(*map(str, wet))
    parm.strip(":35-201")
    parm.box = None
    made = folder / "droplet.prmtop", folder / "droplet.inpcrd"
    for path in made:
        parm.save(str(path), format="rst7" if path.suffix == ".inpcrd" else "amber")
    return made


@pytest.fixture(scope="module")
def droplet(files):
    return read_topology(files[0])


MASKS = [":LIG", ":1-3", "@1-10", ":WAT@O", "!:WAT", ":LIG&!@H=", "@/C|:3", "@%c3", ":1@C1,H2"]


@pytest.mark.parametrize("mask", MASKS)
def test_masks_select_what_cpptraj_selects(files, droplet, mask):
    cpptraj = shutil.which("cpptraj")
    if cpptraj is None:
        pytest.skip("AmberTools is absent: no cpptraj on PATH")
    out = subprocess.run(
        [cpptraj, "-p", str(files[0]), "--mask", mask],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    expected = tuple(int(n) - 1 for n in re.findall(r"^\s*(\d+)\s", out, flags=re.M))
    assert expected
    assert select_atoms(droplet, mask) == expected


def test_distances_need_positions(files, droplet):
    with pytest.raises(InputError, match="coordinates"):
        select_atoms(droplet, ":1<@3.0")
    x = read_coordinates(files[1], len(droplet)).positions
    far = np.linalg.norm(x[:, None] - x[None, :21], axis=-1).min(axis=1)
    assert select_atoms(droplet, ":1<@3.0", positions=x) == tuple(np.flatnonzero(far < 3.0))
    # as sander and cpptraj: beyond every atom of the mask; ParmEd says beyond any
    assert select_atoms(droplet, ":1>@3.0", positions=x) == tuple(np.flatnonzero(far >= 3.0))
    near = {droplet.residue_index[i] for i in np.flatnonzero(far < 3.0)}
    beyond = tuple(i for i in range(len(droplet)) if droplet.residue_index[i] not in near)
    assert select_atoms(droplet, ":1>:3.0", positions=x) == beyond
    assert len(beyond) > 10


@pytest.mark.parametrize(
    ("mask", "told", "right", "number"),
    [
        ("@0-3", "has the number 0; AMBER counts from 1", "@1-3", 3),
        (":WAT@0", "has the number 0", ":WAT@O", 33),
        (":1,WAT@O", "write (:1|:WAT)", "(:1|:WAT)&@O", 33),
        ("@1-3,O", "write (@1-3|@O)", "(@1-3|@O)", 36),
        (":W*T", "write a ? for each character", ":W?T", 99),
        ("@1,5-3", "cpptraj refuses it; write 3-5", "@1,3-5", 4),
        (":2-1@O", "cpptraj refuses it; write 1-2", ":1-2@O", None),
        ("@%c*3", "write a ? for each character", "@%c?", None),
    ],
)
def test_what_programs_read_differently_is_refused_and_the_remedy_helps(
    droplet, mask, told, right, number
):
    with pytest.raises(InputError, match=re.escape(told)):
        select_atoms(droplet, mask)
    if number is not None:
        assert len(select_atoms(droplet, right)) == number


@pytest.mark.parametrize("mask", [":3-5-7", "@1-2-", ":1,3-5-7", "@9,1--3", ":WAT&@1-2-3"])
def test_a_range_of_other_than_two_numbers_is_refused_as_by_cpptraj(droplet, mask):
    with pytest.raises(InputError, match="which is no range: that is two numbers, such as 1-3"):
        select_atoms(droplet, mask)


@settings(max_examples=30, deadline=None)
@given(first=st.sampled_from(MASKS), second=st.sampled_from(MASKS))
def test_masks_obey_the_algebra_of_sets(droplet, first, second):
    everything = set(range(len(droplet)))
    a, b = set(select_atoms(droplet, first)), set(select_atoms(droplet, second))
    assert set(select_atoms(droplet, f"({first})|({second})")) == a | b
    if a & b:
        assert set(select_atoms(droplet, f"({first})&({second})")) == a & b
    if everything - a:
        assert set(select_atoms(droplet, f"!({first})")) == everything - a


@pytest.mark.parametrize("mask", [":ERL", ":99", "@XX", ":lig", "@999", "((:1", "", ":", ":1.5"])
def test_a_mask_that_selects_nothing_or_is_wrong_says_what_is_there(droplet, mask):
    with pytest.raises(InputError, match=re.escape(repr(mask))) as caught:
        select_atoms(droplet, mask)
    assert ":1.5" in mask or "Residues: LIG, WAT (33). Did you mean ':LIG'?" in str(caught.value)


def test_what_is_no_amino_acid_is_named_first_and_guessed(systems):
    topology = read_topology(systems / "helix_complex.prmtop")
    ligand = sorted(set(topology.residue_names) - AMINO_ACIDS - {"ACE", "NME"})
    with pytest.raises(InputError) as caught:
        select_atoms(topology, ":BNZ")
    assert f"Residues: {ligand[0]}, " in str(caught.value)
    assert str(caught.value).endswith(f"Did you mean ':{ligand[0]}'?")


def test_a_single_ion_is_not_what_a_mask_was_meant_for(systems):
    topology = read_topology(systems / "methane.prmtop")
    ion_and_dimer = dataclasses.replace(
        topology,
        residue_names=("K+", "XE2", "LIG"),
        residue_index=np.array([0, 1, 1, 2, 2]),
        bonds=((1, 2), (3, 4)),
        molecules=((0,), (1, 2), (3, 4)),
    )
    assert _special(ion_and_dimer) == {"XE2", "LIG"}
