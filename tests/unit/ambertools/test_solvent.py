# SPDX-License-Identifier: MIT
"""Is the solute untouched by solvation, is the water TIP3P, and is the box packed well?"""

from __future__ import annotations

import re
import subprocess

import numpy as np
import openmm
import parmed
import pytest
from openmm import app, unit
from parmed.amber import AmberFormat, AmberParm
from scipy.spatial import cKDTree

from merrow.ambertools.programs import find_program
from merrow.ambertools.solvent import n_waters_for, place_waters, solvate
from merrow.errors import InputError, UnsupportedPhysicsError

SOLUTES = ("methanol", "methane", "ethoxyethyl_acetate")  # methanol, methane, a long ester


@pytest.fixture(scope="module", params=SOLUTES)
def pair(request, systems, tmp_path_factory):
    gas = systems / f"{request.param}.prmtop"
    folder = tmp_path_factory.mktemp("solvated")
    prmtop, inpcrd = solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=300)
    return gas, prmtop, inpcrd


def sections(path):
    file = AmberFormat()
    file.rdparm_slow(str(path))
    return file.parm_data


def raw(path, flag):
    """The numbers of one section as they stand in the file, digit for digit."""
    text = re.search(rf"%FLAG {flag} *\n%FORMAT.*\n((?:[^%].*\n|\n)*)", path.read_text())
    return text.group(1).split()


def test_the_box_has_the_waters_that_were_asked_for_and_the_solute_first(pair):
    gas, prmtop, _ = pair
    before, after = sections(gas), sections(prmtop)
    n = before["POINTERS"][0]
    assert after["POINTERS"][0] == n + 900
    assert after["RESIDUE_LABEL"] == before["RESIDUE_LABEL"] + ["WAT"] * 300
    assert after["ATOM_NAME"][:n] == before["ATOM_NAME"]
    assert sum(after["CHARGE"]) == pytest.approx(sum(before["CHARGE"]), abs=1e-9)


def test_every_digit_of_the_solutes_parameters_is_kept(pair):
    gas, prmtop, _ = pair
    whole = ("ANGLE_FORCE_CONSTANT", "ANGLE_EQUIL_VALUE", "DIHEDRAL_FORCE_CONSTANT")
    whole += ("DIHEDRAL_PERIODICITY", "DIHEDRAL_PHASE", "SCEE_SCALE_FACTOR", "SCNB_SCALE_FACTOR")
    whole += ("ANGLES_INC_HYDROGEN", "ANGLES_WITHOUT_HYDROGEN", "BONDS_WITHOUT_HYDROGEN")
    whole += ("DIHEDRALS_INC_HYDROGEN", "DIHEDRALS_WITHOUT_HYDROGEN")
    for flag in whole:
        assert raw(prmtop, flag) == raw(gas, flag), flag
    first = ("CHARGE", "MASS", "ATOM_TYPE_INDEX", "LENNARD_JONES_ACOEF", "LENNARD_JONES_BCOEF")
    first += ("BOND_FORCE_CONSTANT", "BOND_EQUIL_VALUE", "BONDS_INC_HYDROGEN")
    first += ("EXCLUDED_ATOMS_LIST", "AMBER_ATOM_TYPE", "RADII", "SCREEN")
    for flag in first:
        old = raw(gas, flag)
        assert raw(prmtop, flag)[: len(old)] == old, flag


def test_coordinates_may_be_a_netcdf_restart(systems, tmp_path):
    gas = systems / f"{SOLUTES[0]}.prmtop"
    crd = gas.with_suffix(".inpcrd")
    whole = parmed.load_file(str(gas), str(crd))
    restart = tmp_path / "gas.rst7"
    whole.save(str(restart), format="ncrst")
    found = [
        parmed.load_file(str(solvate(gas, x, folder=tmp_path / n, n_waters=60)[1])).coordinates
        for n, x in (("ascii", crd), ("binary", restart))
    ]
    np.testing.assert_allclose(found[1], found[0], atol=2e-7)


def test_the_solutes_own_energy_is_the_same_in_both_files(pair):
    gas, prmtop, inpcrd = pair
    n = sections(gas)["POINTERS"][0]
    cut = parmed.load_file(str(prmtop), str(inpcrd))
    cut.strip(":WAT")
    cut.box = None
    x = app.AmberInpcrdFile(str(inpcrd)).positions[:n]
    energies = []
    for system in (app.AmberPrmtopFile(str(gas)).createSystem(), cut.createSystem()):
        context = openmm.Context(
            system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
        )
        context.setPositions(x)
        energies.append(context.getState(getEnergy=True).getPotentialEnergy()._value)
    # ParmEd, which cuts the waters off, recomputes the parameters: nine digits.
    assert energies[1] == pytest.approx(energies[0], abs=1e-4)


@pytest.mark.usefixtures("ambertools")
def test_waters_are_those_that_tleap_writes(pair, tmp_path):
    gas, prmtop, _ = pair
    (tmp_path / "in").write_text(
        "source leaprc.water.tip3p\nsaveamberparm TP3 w.prmtop w.crd\nquit\n"
    )
    leap = [str(find_program("tleap")), "-s", "-f", "in"]
    subprocess.run(leap, cwd=tmp_path, check=True, capture_output=True)
    water, ours = sections(tmp_path / "w.prmtop"), sections(prmtop)
    n = sections(gas)["POINTERS"][0]
    for flag in ("CHARGE", "MASS", "ATOMIC_NUMBER", "AMBER_ATOM_TYPE", "ATOM_NAME", "RADII",
                 "SCREEN", "NUMBER_EXCLUDED_ATOMS", "TREE_CHAIN_CLASSIFICATION"):  # fmt: skip
        expected = water[flag]
        if isinstance(expected[0], float):
            expected = pytest.approx(expected, rel=1e-8)  # nine digits in the file
        assert ours[flag][n : n + 3] == expected, flag
    for flag in ("BOND_FORCE_CONSTANT", "BOND_EQUIL_VALUE"):
        assert raw(prmtop, flag)[-2:] == raw(tmp_path / "w.prmtop", flag)
    t = water["POINTERS"][1]
    for flag in ("LENNARD_JONES_ACOEF", "LENNARD_JONES_BCOEF"):
        index = np.reshape(ours["NONBONDED_PARM_INDEX"], (ours["POINTERS"][1],) * 2)
        own = np.array(ours[flag])[index[-t:, -t:] - 1]
        assert own[0, 0] == water[flag][0]
        assert not own[1:].any()


@pytest.mark.usefixtures("ambertools")
def test_solute_water_pairs_are_those_that_tleap_writes(systems, tmp_path):
    """tleap combines GAFF2 and TIP3P itself."""
    (tmp_path / "in").write_text(
        "source leaprc.gaff2\nsource leaprc.water.tip3p\n"
        f"m = loadmol2 {systems / 'methanol.mol2'}\n"
        "saveamberparm m gas.prmtop gas.inpcrd\nsolvatebox m TIP3PBOX 4.0\n"
        "saveamberparm m box.prmtop box.inpcrd\nquit\n"
    )
    leap = [str(find_program("tleap")), "-s", "-f", "in"]
    subprocess.run(leap, cwd=tmp_path, check=True, capture_output=True)
    prmtop, _ = solvate(
        tmp_path / "gas.prmtop", tmp_path / "gas.inpcrd", folder=tmp_path, n_waters=150
    )
    tables = []
    for path in (prmtop, tmp_path / "box.prmtop"):
        data = sections(path)
        t = data["POINTERS"][1]
        kind = np.array(data["ATOM_TYPE_INDEX"])[:9] - 1
        index = np.reshape(data["NONBONDED_PARM_INDEX"], (t, t))[np.ix_(kind, kind)] - 1
        tables += [np.array(data["LENNARD_JONES_ACOEF"])[index]]
        tables += [np.array(data["LENNARD_JONES_BCOEF"])[index]]
    # The diagonal that we combine has nine digits; six-fold powers and roots keep about 1e-7.
    np.testing.assert_allclose(tables[0], tables[2], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(tables[1], tables[3], rtol=1e-6, atol=1e-12)


def test_an_nbfix_pair_of_the_solute_survives(systems, tmp_path):
    gas = systems / "methanol.prmtop"
    text = gas.read_text()
    pair = raw(gas, "LENNARD_JONES_ACOEF")[1]  # the unlike pair of types 1 and 2
    (tmp_path / "nbfix.prmtop").write_text(text.replace(pair, "1.23456789E+05"))
    prmtop, _ = solvate(
        tmp_path / "nbfix.prmtop", gas.with_suffix(".inpcrd"), folder=tmp_path, n_waters=150
    )
    data = sections(prmtop)
    t = data["POINTERS"][1]
    k = np.reshape(data["NONBONDED_PARM_INDEX"], (t, t))[0, 1] - 1
    assert data["LENNARD_JONES_ACOEF"][k] == 1.23456789e05


def test_openmm_and_parmed_read_the_box_and_the_waters_are_rigid(pair):
    _, prmtop, inpcrd = pair
    system = app.AmberPrmtopFile(str(prmtop)).createSystem(
        nonbondedMethod=app.PME, nonbondedCutoff=0.8 * unit.nanometer, rigidWater=True
    )
    x = app.AmberInpcrdFile(str(inpcrd)).getPositions(asNumpy=True)._value
    lengths = [
        np.linalg.norm(x[i] - x[j]) - length._value
        for i, j, length in map(system.getConstraintParameters, range(system.getNumConstraints()))
    ]
    assert len(lengths) == 900
    assert np.abs(lengths).max() < 3e-8  # nm; the file has seven decimals of Å
    assert AmberParm(str(prmtop), str(inpcrd)).box is not None


def test_no_atoms_collide_even_across_the_faces(pair):
    gas, prmtop, inpcrd = pair
    made = parmed.load_file(str(prmtop), str(inpcrd))
    n = sections(gas)["POINTERS"][0]
    edge = made.box[0]
    heavy = np.array([atom.atomic_number > 1 for atom in made.atoms])
    oxygen = made.coordinates[n:][heavy[n:]] % edge
    pairs = cKDTree(oxygen, boxsize=edge).query_pairs(2.3)
    assert not pairs
    nearest, _ = cKDTree(made.coordinates[:n]).query(made.coordinates[n:])
    assert nearest.min() > 1.6
    density = 300 * 30.4 / edge**3
    assert 0.8 < density < 1.02  # loose at the faces, never too dense; NPT does the rest


@pytest.mark.usefixtures("ambertools")
def test_sander_reads_the_box_and_finds_a_finite_energy(pair, tmp_path):
    _, prmtop, inpcrd = pair
    (tmp_path / "in").write_text(
        "one step\n&cntrl imin=1, maxcyc=1, ntpr=1, cut=8.0, ntb=1, ntc=2, ntf=2 /\n"
    )
    command = [str(find_program("sander")), "-O", "-i", "in", "-o", "out"]
    command += ["-p", str(prmtop), "-c", str(inpcrd)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    out = (tmp_path / "out").read_text()
    energy = float(re.search(r"NSTEP\s+ENERGY.*\n\s+1\s+(\S+)", out).group(1))
    # 300 waters not yet relaxed: below zero, above ice (−14 kcal/mol per water).
    assert -14 * 300 < energy < 0
    assert re.search(r"Number of triangulated 3-point waters found:\s+300", out)


def test_the_same_input_gives_the_same_box(systems, tmp_path):
    gas = systems / "methanol.prmtop"
    made = [
        solvate(gas, gas.with_suffix(".inpcrd"), folder=tmp_path / name, edge=20.0) for name in "ab"
    ]
    assert made[0][1].read_bytes() == made[1][1].read_bytes()
    assert sections(made[0][0])["RESIDUE_LABEL"].count("WAT") == n_waters_for(20.0, 2)


def test_water_has_the_density_of_water():
    # 1 g/cm³ is 29.9 Å³ per molecule; TIP3P at 298 K is 1.6 % thinner (0.983 g/cm³).
    assert n_waters_for(100.0) * 18.0154 / 0.602214 / 1e6 == pytest.approx(0.984, abs=0.002)


def test_wrong_requests_are_refused(systems, tmp_path):
    gas = systems / "methanol.prmtop"
    other = systems / "methane.inpcrd"
    boxed, boxed_crd = solvate(
        gas, gas.with_suffix(".inpcrd"), folder=tmp_path / "boxed", n_waters=100
    )
    for prmtop, inpcrd, n, message in (
        (gas, other, 300, "6 atoms, but .* 5"),
        (boxed, boxed_crd, 300, "already has a box"),
        (gas, gas.with_suffix(".inpcrd"), 0, "cannot fill"),
        (gas, gas.with_suffix(".inpcrd"), 3, "ask for more water"),
        (gas, gas.with_suffix(".inpcrd"), None, "either"),
    ):
        with pytest.raises(InputError, match=message):
            solvate(prmtop, inpcrd, folder=tmp_path / "x", n_waters=n)
    chamber = tmp_path / "chamber.prmtop"
    chamber.write_text(gas.read_text().replace("%FLAG TITLE ", "%FLAG CTITLE"))
    with pytest.raises(UnsupportedPhysicsError, match="CHAMBER"):
        solvate(chamber, gas.with_suffix(".inpcrd"), folder=tmp_path / "x", n_waters=300)
    assert not (tmp_path / "x").exists()


def test_a_long_solute_with_little_water_is_refused_and_not_searched_forever():
    rod = np.zeros((30, 3))
    rod[:, 0] = np.arange(30) * 1.4
    with pytest.raises(InputError, match="ask for more water"):
        place_waters(rod, np.ones(30, dtype=bool), 50)
