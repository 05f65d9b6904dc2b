# SPDX-License-Identifier: MIT
"""Do sander's files lose no digit, and does each step in mdout get its own evaluation?"""

from __future__ import annotations

import re

import numpy as np
import pytest

from merrow.errors import MerrowError
from merrow.sander.files import Evaluations, merged, read_evaluations, read_geometry, results_text
from merrow.units import SANDER_BOHR_PER_ANGSTROM, SANDER_HARTREE_KCAL

JOB = "! ENGRAD\n! Angs NoUseSym\n*xyzfile -1 1 inpfile.xyz\n"


def xyz(rows):
    """A geometry in sander's format (i5,/) and (a2,1x,3f21.16)."""
    lines = [f"{s:2s} " + "".join(f"{v:21.16f}" for v in row) for s, row in rows]
    return f"{len(rows):5d}\n\n" + "\n".join(lines) + "\n"


def test_coordinates_without_a_blank_between_them_are_read():
    rows = [("C", (-100.1234567890123456, -999.5, 1.0)), ("Cl", (0.1, -0.2, 123.0))]
    geometry = read_geometry(JOB, xyz(rows))
    assert geometry.symbols == ("C", "Cl")
    assert (geometry.charge, geometry.multiplicity) == (-1, 1)
    assert np.array_equal(geometry.positions, [row for _, row in rows])


@pytest.mark.parametrize(
    ("job", "text", "told"),
    [
        (JOB + '%pointcharges "ptchrg.xyz"\n', xyz([("C", (0, 0, 0))]), "point charges"),
        (JOB.replace("ENGRAD", "ENERGY"), xyz([("C", (0, 0, 0))]), "without forces"),
        (JOB, "    2\n\n" + "C  " + "*" * 63 + "\n", "cannot be read"),
        (JOB, "    2\n\n" + xyz([("C", (0, 0, 0))]).splitlines()[2], "unknown form"),
        ("! ENGRAD\n", xyz([("C", (0, 0, 0))]), "unknown form"),
    ],
)
def test_files_of_another_form_are_refused(job, text, told):
    with pytest.raises(MerrowError, match=told):
        read_geometry(job, text)


def as_sander_reads(text):
    """Energy [kcal/mol] and forces [kcal/mol/Å] by sander's formats f22.12 and f16.10."""
    lines = text.splitlines()
    gradient = np.array([float(line[:16]) for line in lines[5:]]).reshape(-1, 3)
    return (
        float(lines[2][:22]) * SANDER_HARTREE_KCAL,
        -gradient * SANDER_HARTREE_KCAL * SANDER_BOHR_PER_ANGSTROM,
    )


@pytest.mark.parametrize("energy", [-826580.123456, 11.7, 0.0, -1.0e6])
def test_the_energy_survives_sanders_conversion(energy):
    # 13 decimals of a Hartree are 6e-11 kcal/mol; mdout prints 1e-4.
    found, _ = as_sander_reads(results_text(energy, np.zeros((1, 3))))
    assert found == pytest.approx(energy, abs=1e-9)


def test_forces_survive_it_too_large_and_small():
    # Twelve decimals of Hartree/bohr are 1e-9 kcal/mol/Å; what needs more columns keeps 9 digits.
    forces = np.array([[1e-5, -0.3, 45.0], [-1100.0, 1.2e5, -9e7]])
    _, found = as_sander_reads(results_text(0.0, forces))
    assert found == pytest.approx(forces, rel=1e-8, abs=1e-9)


def block(step, energy):
    return (
        f" NSTEP = {step:8d}   TIME(PS) =  0.001  TEMP(K) = 300.00  PRESS = 0.0\n"
        f" EXTERNESCF= {energy:14.4f}\n Ewald error estimate:   0.4E-05\n"
    )


def mdout(*steps, energies):
    text = "".join(block(step, energies[step]) for step in steps)
    titles = (
        "      A V E R A G E S   O V E R  10 S T E P S",
        "      R M S  F L U C T U A T I O N S",
    )
    return text + "".join(f"{title}\n\n{block(steps[-1], 3.0)}" for title in titles)


def told(text):
    """Energies and spreads that were merged into an mdout."""
    return [
        (float(e), float(s))
        for e, s in re.findall(r"ML energy \(x\) = +(\S+)  spread = +(\S+)", text)
    ]


def test_each_block_gets_its_own_evaluation_and_averages_none():
    energies = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    evaluations = Evaluations(energies, energies / 10)
    text = merged(mdout(0, 2, 4, energies=energies), evaluations, name="x", about="about")
    assert told(text) == [(1.0, 0.1), (3.0, 0.3), (5.0, 0.5)]
    assert text.count("NSTEP") == 5
    assert "5 evaluations; ML energy: mean 3.0000" in text


def test_of_two_equal_energies_the_one_in_its_place_is_taken():
    energies = np.array([1.0, 7.0, 7.0, 7.0, 2.0])
    evaluations = Evaluations(energies, np.arange(5.0))
    text = merged(mdout(0, 3, energies=energies), evaluations, name="x", about="about")
    assert told(text) == [(1.0, 0.0), (7.0, 3.0)]


def test_an_energy_that_nobody_served_is_an_error():
    energies = np.array([1.0, 2.0])
    with pytest.raises(MerrowError, match="never gave"):
        merged(
            mdout(0, 1, energies=energies + 1e-3),
            Evaluations(energies, energies),
            name="x",
            about="",
        )


def test_a_torn_last_line_of_the_list_is_left_out(tmp_path):
    (tmp_path / "list").write_text("1.0 0.5\n2.0 nan\n3.0 0.")
    found = read_evaluations(tmp_path / "list")
    assert found.energies.tolist() == [1.0, 2.0]
    assert np.isnan(found.spreads[1])
    assert len(read_evaluations(tmp_path / "absent").energies) == 0
