# SPDX-License-Identifier: MIT
"""Which ML regions are accepted, and what is said of the others?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError, UnsupportedPhysicsError
from merrow.potentials.interface import Molecule
from merrow.system.masses import region_masses
from merrow.system.region import MLRegion, region_of, select_region


@pytest.fixture(scope="module")
def ethanol(systems: Path, tmp_path_factory: pytest.TempPathFactory) -> AmberTopology:
    gas = systems / "ethanol.prmtop"
    folder = tmp_path_factory.mktemp("ethanol")
    prmtop, _ = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=210)
    return read_topology(prmtop)


def test_a_whole_solute_is_a_region(ethanol):
    region = select_region(ethanol, ":1")
    assert region.atoms == tuple(range(9))
    assert region.molecule == Molecule((6, 6, 8, 1, 1, 1, 1, 1, 1))
    assert all(label.startswith(":1@") for label in region.labels)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (":1-3", "takes 6 atoms of water into the ML region"),
        (":WAT", "takes 630 atoms of water"),
        (":1@C1,C2", r"cuts the covalent bond :1@\S+-:1@\S+; select whole molecules"),
        ("!:WAT&@H*", "cuts the covalent bond"),
    ],
)
def test_a_region_that_is_not_one_whole_solute_is_refused_by_name(ethanol, mask, message):
    with pytest.raises(UnsupportedPhysicsError, match=message) as caught:
        select_region(ethanol, mask)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("mask", [":999", ":1@ZZ", ":("])
def test_a_mask_that_selects_nothing_is_refused(ethanol, mask):
    with pytest.raises(InputError):
        select_region(ethanol, mask)


def test_two_molecules_are_refused(ethanol):
    # Without the bonds between them the atoms of the solute are nine molecules.
    apart = dataclasses.replace(
        ethanol,
        bonds=tuple(b for b in ethanol.bonds if min(b) >= 9),
        molecules=(*((i,) for i in range(9)), *ethanol.molecules[1:]),
    )
    with pytest.raises(UnsupportedPhysicsError, match="selects 9 molecules"):
        select_region(apart, ":1")


def charged(topology: AmberTopology, total: float) -> AmberTopology:
    charges = np.array(topology.charges)
    charges[:9] += (total - charges[:9].sum()) / 9
    return dataclasses.replace(topology, charges=charges)


def test_a_fractional_charge_is_refused(ethanol):
    with pytest.raises(UnsupportedPhysicsError, match=r"fractional net charge \+0\.5000 e"):
        select_region(charged(ethanol, 0.5), ":1")


@pytest.mark.parametrize(("total", "charge"), [(0.003, 0), (-0.996, -1), (1.0, 1)])
def test_the_net_charge_is_the_nearest_integer(ethanol, total, charge):
    assert select_region(charged(ethanol, total), ":1").molecule.charge == charge


def test_the_order_of_the_atoms_given_does_not_matter(ethanol):
    region: MLRegion = region_of(ethanol, (8, 3, 0, 1, 2, 4, 5, 7, 6), name="x")
    assert region == select_region(ethanol, ":1")


def test_heavier_hydrogens_take_their_mass_from_their_neighbours(ethanol):
    region = select_region(ethanol, ":1")
    light = region_masses(ethanol, region, "prmtop")
    heavy = region_masses(ethanol, region, "repartitioned")
    np.testing.assert_array_equal(light, ethanol.masses[:9])
    assert heavy.sum() == pytest.approx(light.sum(), rel=1e-14)
    np.testing.assert_array_equal(heavy[3:], 3.024)
    moved = 3.024 - 1.008
    np.testing.assert_allclose(light[:3] - heavy[:3], [3 * moved, 2 * moved, moved])


def test_heavy_atoms_vibrate_slowly_enough_for_4_fs(ethanol):
    region = select_region(ethanol, ":1")
    light = region_masses(ethanol, region, "prmtop")
    heavy = region_masses(ethanol, region, "heavy")
    np.testing.assert_array_equal(heavy[3:], 8.0)
    np.testing.assert_allclose(heavy[:3], 2 * light[:3])
    # O-H: reduced mass from 0.95 to 6.4 dalton, so a period of 9 fs becomes one of 23 fs.
    oxygen, hydrogen = 2, 8
    reduced = [m[oxygen] * m[hydrogen] / (m[oxygen] + m[hydrogen]) for m in (light, heavy)]
    assert np.sqrt(reduced[1] / reduced[0]) == pytest.approx(2.6, abs=0.05)
