# SPDX-License-Identifier: MIT
"""Does a single point say the same as sander, term by term, with AMBER's Coulomb constant?

sander prints four decimals. It takes a small net charge off all atoms, so the prmtops are made
exactly neutral first; then both programs read the same numbers.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from parmed.amber import AmberFormat

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.amber.topology import read_topology
from merrow.ambertools import sander as amber
from merrow.ambertools.solvent import solvate
from merrow.single_point import SinglePoint, single_point

pytestmark = pytest.mark.usefixtures("sander")

# methanol, acetone, pyridine, N-methylacetamide, 1-chloropentane, a trifluoro-alcohol
MOLECULES = [
    "methanol",
    "acetone",
    "pyridine",
    "methylacetamide",
    "chloropentane",
    "trifluoropropanol",
]
BONDED = ("bond", "angle", "dihedral")
PRINTED = 1e-3
"""kcal/mol: four decimals, and A, B and charges of nine digits."""
VDW, ELEC = 0.02, 0.05
"""kcal/mol: splines of order 5 against 6, and the tail's count of pairs."""


def neutral(prmtop: Path, folder: Path, residue: int | None = None) -> Path:
    """Write a prmtop whose first residue (or whole) has no net charge."""
    parm = AmberFormat()
    parm.rdparm_slow(str(prmtop))
    charges = parm.parm_data["CHARGE"]
    last = parm.parm_data["RESIDUE_POINTER"][1] - 1 if residue else len(charges)
    excess = sum(charges[:last]) / last
    for i in range(last):
        charges[i] -= excess
    target = folder / f"neutral-{prmtop.name}"
    parm.write_parm(str(target))
    return target


def ours(prmtop: Path, inpcrd: Path, **changes) -> dict[str, float]:
    options = {"ml_mask": None, "potential": "mm", "amber_coulomb": True, **changes}
    answer = single_point(SinglePoint(prmtop, inpcrd, **options))
    assert sum(answer.terms.values()) == pytest.approx(answer.total, abs=1e-6)
    return answer.terms


@pytest.mark.parametrize("name", MOLECULES)
def test_every_term_in_gas_agrees(systems, tmp_path, name):
    source = systems / f"{name}.prmtop"
    prmtop, inpcrd = neutral(source, tmp_path), source.with_suffix(".inpcrd")
    theirs = amber.single_point(prmtop, inpcrd)
    terms = ours(prmtop, inpcrd)
    for term in (*BONDED, "vdw", "vdw14", "elec", "elec14"):
        assert terms[term] == pytest.approx(theirs[term], abs=PRINTED), term


def test_another_coulomb_constant_would_be_seen(systems, tmp_path):
    source = systems / "methylacetamide.prmtop"
    prmtop, inpcrd = neutral(source, tmp_path), source.with_suffix(".inpcrd")
    theirs = amber.single_point(prmtop, inpcrd)
    terms = ours(prmtop, inpcrd, amber_coulomb=False)
    assert abs(terms["elec14"] - theirs["elec14"]) > PRINTED


PME = {"cutoff": 8.0, "ewald_coefficient": 0.4}


@pytest.fixture(scope="module")
def solvated(systems, tmp_path_factory):
    """N-methylacetamide in 300 waters: gas and solvated files of one neutral solute."""
    folder = tmp_path_factory.mktemp("parity")
    gas = systems / "methylacetamide.prmtop"
    lone = neutral(gas, folder)
    prmtop, inpcrd = solvate(lone, gas.with_suffix(".inpcrd"), folder=folder, n_waters=300)
    return lone, prmtop, inpcrd


@pytest.mark.parametrize("tail", [True, False])
def test_every_term_in_water_agrees(solvated, tail):
    _, prmtop, inpcrd = solvated
    theirs = amber.single_point(prmtop, inpcrd, **PME, grid=(48, 48, 48), lj_tail=tail)
    terms = ours(prmtop, inpcrd, **PME, pme_grid=(48, 48, 48), lj_tail=tail)
    for term in BONDED:
        assert terms[term] == pytest.approx(theirs[term], abs=PRINTED), term
    vdw = terms["vdw"] + terms["vdw14"] + terms["lj_tail"]
    assert vdw == pytest.approx(theirs["vdw"] + theirs["vdw14"], abs=VDW)
    elec = terms["elec"] + terms["elec14"]
    assert elec == pytest.approx(theirs["elec"] + theirs["elec14"], abs=ELEC)
    assert (terms["lj_tail"] != 0.0) == tail


def lone_solute(lone: Path, inpcrd: Path, folder: Path) -> tuple[Path, Path]:
    """The solute of a solvated box as a gas-phase pair of files, coordinates unchanged."""
    n = len(read_topology(lone))
    positions = read_coordinates(inpcrd).positions[:n]
    write_restart(folder / "lone.rst7", Coordinates(positions))
    return lone, folder / "lone.rst7"


def test_environment_and_coupling_are_sander_of_all_less_sander_of_the_solute(solvated, tmp_path):
    # Mechanical embedding: E = E_MM(all, PME) − E_MM(solute, vacuum) + E(potential).
    lone, prmtop, inpcrd = solvated
    whole = amber.single_point(prmtop, inpcrd, **PME, grid=(48, 48, 48), lj_tail=False)
    solute = amber.single_point(*lone_solute(lone, inpcrd, tmp_path))
    terms = ours(
        prmtop,
        inpcrd,
        **PME,
        pme_grid=(48, 48, 48),
        lj_tail=False,
        ml_mask=":1",
        potential=f"mm:{lone}",
    )
    for term in BONDED:
        assert terms[term] == pytest.approx(whole[term] - solute[term], abs=2 * PRINTED), term
    for kind, bar in (("vdw", VDW), ("elec", ELEC)):
        expected = sum(whole[t] - solute[t] for t in (kind, f"{kind}14"))
        assert terms[kind] + terms[f"{kind}14"] == pytest.approx(expected, abs=bar), kind
    assert terms["ml"] == pytest.approx(solute["total"], abs=PRINTED)


def test_an_ml_potential_changes_no_other_term(solvated, ani_weights):
    lone, prmtop, inpcrd = solvated
    options = {**PME, "pme_grid": (48, 48, 48), "ml_mask": ":1"}
    with_mm = ours(prmtop, inpcrd, **options, potential=f"mm:{lone}")
    with_ml = ours(prmtop, inpcrd, **options, potential="ani2x")
    assert with_ml.pop("ml") < -1e5  # absolute: total energies of the electrons
    with_mm.pop("ml")
    assert with_ml == with_mm
