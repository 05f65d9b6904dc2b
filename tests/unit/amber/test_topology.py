# SPDX-License-Identifier: MIT
"""Does a prmtop come in unchanged, and is what we cannot reproduce refused?"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from openmm import NonbondedForce, app, unit
from parmed.amber import AmberFormat

from merrow.amber.topology import atom_label, atom_names, read_topology
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError, UnsupportedPhysicsError


@pytest.fixture(scope="module")
def methanol(systems) -> Path:
    return systems / "methanol.prmtop"


@pytest.fixture(scope="module")
def box_file(systems, tmp_path_factory):
    """An ester in 400 waters."""
    gas = systems / "ethoxyethyl_acetate.prmtop"
    folder = tmp_path_factory.mktemp("box")
    return solvate(gas, gas.with_suffix(".inpcrd"), folder=folder, n_waters=400)[0]


@pytest.fixture(scope="module")
def box(box_file):
    return read_topology(box_file)


def test_methanol_has_its_atoms_bonds_and_label(methanol):
    found = read_topology(methanol)
    assert found.numbers == (6, 8, 1, 1, 1, 1)
    assert found.names == ("C1", "O1", "H1", "H2", "H3", "H4")
    assert found.types == ("c3", "oh", "h1", "h1", "h1", "ho")
    assert found.bonds == ((0, 1), (0, 2), (0, 3), (0, 4), (1, 5))
    assert found.molecules == ((0, 1, 2, 3, 4, 5),)
    assert found.residue_names == ("LIG",)
    assert not found.has_box
    assert not found.is_water.any()
    assert atom_label(found, 5) == ":1@H4"


def test_atoms_of_several_residues_have_names_that_tell_them_apart(methanol, box):
    assert atom_names(read_topology(methanol), [0, 5]) == {0: "C1", 5: "H4"}
    oxygen = [i for i, number in enumerate(box.numbers) if number == 8][-2:]
    assert len(set(atom_names(box, oxygen).values())) == 2


def test_charges_and_masses_are_those_openmm_reads(methanol):
    system = app.AmberPrmtopFile(str(methanol)).createSystem()
    force = next(f for f in system.getForces() if isinstance(f, NonbondedForce))
    charges = [
        force.getParticleParameters(i)[0].value_in_unit(unit.elementary_charge) for i in range(6)
    ]
    found = read_topology(methanol)
    # OpenMM divides by 18.2223 too: only round-off may differ.
    np.testing.assert_allclose(found.charges, charges, rtol=1e-12)
    np.testing.assert_allclose(
        found.masses, [system.getParticleMass(i)._value for i in range(6)], rtol=1e-12
    )


def test_lennard_jones_table_follows_lorentz_berthelot_for_gaff(box):
    """GAFF and TIP3P combine by Lorentz–Berthelot, so the off-diagonals follow the diagonal."""
    a, b = np.diag(box.lj_a), np.diag(box.lj_b)
    real = np.flatnonzero(b > 0)
    r_min = (2 * a[real] / b[real]) ** (1 / 6)
    epsilon = b[real] ** 2 / (4 * a[real])
    r = (r_min[:, None] + r_min[None, :]) / 2
    e = np.sqrt(epsilon[:, None] * epsilon[None, :])
    # The file has nine digits, which six-fold powers and roots keep to about 1e-6.
    np.testing.assert_allclose(box.lj_a[np.ix_(real, real)], e * r**12, rtol=1e-5)
    np.testing.assert_allclose(box.lj_b[np.ix_(real, real)], 2 * e * r**6, rtol=1e-5)


def test_water_is_known_by_its_atoms_and_not_by_its_name(box_file, tmp_path):
    renamed = tmp_path / "renamed.prmtop"
    text = box_file.read_text()
    renamed.write_text(text.replace("WAT ", "FOO "))
    found = read_topology(renamed)
    assert "WAT" not in found.residue_names
    assert found.is_water.sum() == 3 * 400
    assert not found.is_water[:21].any()
    assert len(found.molecules) == 401


@pytest.mark.parametrize("model", ["tip3p", "opc", "tip4pew"])
def test_waters_with_extra_points_are_water(tmp_path, model):
    tleap = shutil.which("tleap")
    if tleap is None:
        pytest.skip("AmberTools is absent: no tleap on PATH")
    unit_name = {"tip3p": "TP3", "opc": "OPC", "tip4pew": "T4E"}[model]
    (tmp_path / "in").write_text(
        f"source leaprc.water.{model}\nsaveamberparm {unit_name} w.prmtop w.inpcrd\nquit\n"
    )
    subprocess.run([tleap, "-s", "-f", "in"], cwd=tmp_path, check=True, capture_output=True)
    found = read_topology(tmp_path / "w.prmtop")
    assert found.is_water.all()
    assert len(found) == (3 if model == "tip3p" else 4)
    assert found.numbers[3:] == (() if model == "tip3p" else (0,))


def test_a_box_is_neutral_and_residues_are_contiguous(box):
    assert box.has_box
    assert box.charges.sum() == pytest.approx(0.0, abs=1e-6)  # nine digits, 1221 atoms
    assert (np.diff(box.residue_index) >= 0).all()
    assert [len(m) for m in box.molecules] == [21] + [3] * 400


def test_elements_are_deduced_from_masses_when_absent(methanol, tmp_path, caplog):
    old = tmp_path / "old.prmtop"
    text = methanol.read_text()
    old.write_text(re.sub(r"%FLAG ATOMIC_NUMBER.*?(?=%FLAG)", "", text, flags=re.S))
    assert read_topology(old).numbers == read_topology(methanol).numbers
    assert "deduced from masses" in caplog.text


def test_heavy_hydrogens_without_elements_are_not_guessed(methanol, tmp_path):
    heavy = tmp_path / "heavy.prmtop"
    text = re.sub(r"%FLAG ATOMIC_NUMBER.*?(?=%FLAG)", "", methanol.read_text(), flags=re.S)
    heavy.write_text(text.replace("  1.00800000E+00", "  3.02400000E+00"))
    with pytest.raises(InputError, match="does not fit its name"):
        read_topology(heavy)


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.4, 0.6, 0.8])
def test_a_truncated_file_is_refused(methanol, tmp_path, fraction):
    text = methanol.read_text()
    cut = tmp_path / "cut.prmtop"
    cut.write_text(text[: int(fraction * len(text))])
    with pytest.raises(InputError, match="truncated"):
        read_topology(cut)


@pytest.mark.parametrize("wrong", ["**************", "           nan", "         hello"])
def test_a_number_that_is_none_is_refused(methanol, tmp_path, wrong):
    broken = tmp_path / "broken.prmtop"
    broken.write_text(methanol.read_text().replace("2.12654241E+00", wrong, 1))
    with pytest.raises(InputError, match="damaged"):
        read_topology(broken)


def test_missing_and_foreign_files_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"no prmtop file .*absent\.prmtop"):
        read_topology(tmp_path / "absent.prmtop")
    other = tmp_path / "other.prmtop"
    other.write_text("hello\n")
    with pytest.raises(InputError, match="not a prmtop"):
        read_topology(other)


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ("%FLAG LENNARD_JONES_CCOEF\n%FORMAT(5E16.8)\n  1.00000000E+00\n", "12-6-4"),
        ("%FLAG POLARIZABILITY\n%FORMAT(5E16.8)\n  1.00000000E+00\n", "polariz"),
    ],
)
def test_physics_that_cannot_be_reproduced_is_refused(methanol, tmp_path, section, what):
    foreign = tmp_path / "foreign.prmtop"
    foreign.write_text(methanol.read_text() + section)
    with pytest.raises(UnsupportedPhysicsError, match=what):
        read_topology(foreign)


def test_hydrogen_bond_terms_are_refused_only_when_they_act(methanol, tmp_path):
    text = methanol.read_text()
    for value, acts in (("  0.00000000E+00", False), ("  7.55700000E+03", True)):
        file = tmp_path / "hbond.prmtop"
        file.write_text(
            re.sub(r"(%FLAG HBOND_ACOEF\s*\n%FORMAT\(5E16.8\)\s*\n)\s*\n", rf"\g<1>{value}\n", text)
        )
        assert value in file.read_text()
        if acts:
            with pytest.raises(UnsupportedPhysicsError, match="10-12"):
                read_topology(file)
        else:
            assert len(read_topology(file)) == 6


def test_lennard_jones_in_another_order_is_refused(systems, tmp_path):
    """Ours would follow the table, sander's 1-4 pairs the order: no number is given."""
    text = (systems / "ethanol.prmtop").read_text()
    head, flag, rest = text.partition("%FLAG NONBONDED_PARM_INDEX")
    form, _, rest = rest.partition("%FLAG")
    lines = form.splitlines()
    first = [int(x) for x in " ".join(lines[2:]).split()]
    n = round(len(first) ** 0.5)
    table = np.array(first).reshape(n, n)
    table[0, 0], table[1, 1] = table[1, 1], table[0, 0]
    cells = [f"{k:8d}" for k in table.ravel()]
    body = "\n".join("".join(cells[k : k + 10]) for k in range(0, len(cells), 10))
    changed = "\n".join([lines[0], lines[1], body, ""])
    (path := tmp_path / "other.prmtop").write_text(f"{head}{flag}{changed}%FLAG{rest}")
    with pytest.raises(InputError, match="not in the usual order of type pairs"):
        read_topology(path)


@pytest.mark.parametrize("heavy_hydrogen", [False, True])
def test_an_element_that_its_mass_contradicts_is_refused(methanol, tmp_path, heavy_hydrogen):
    """A potential would compute another molecule; masses given to hydrogens contradict nothing."""
    file = AmberFormat(str(methanol))
    numbers, masses = file.parm_data["ATOMIC_NUMBER"], file.parm_data["MASS"]
    if heavy_hydrogen:
        oxygen, hydrogen = numbers.index(8), len(numbers) - 1
        assert numbers[hydrogen] == 1
        masses[oxygen] -= 2.0  # that of nitrogen
        masses[hydrogen] += 2.0
        file.write_parm(str(tmp_path / "x.prmtop"))
        assert read_topology(tmp_path / "x.prmtop").numbers == read_topology(methanol).numbers
        return
    numbers[numbers.index(6)] = 7
    file.write_parm(str(tmp_path / "x.prmtop"))
    with pytest.raises(InputError, match=r"ATOMIC_NUMBER is that of N, its mass 12.*that of C"):
        read_topology(tmp_path / "x.prmtop")
