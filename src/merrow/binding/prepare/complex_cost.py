# SPDX-License-Identifier: MIT
"""Cost of preparing a complex, with the changes to be made, from protonation and an AM1 step."""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from merrow.ambertools.molecule import InputMolecule
from merrow.ambertools.prepare import is_known
from merrow.ambertools.programs import run_program
from merrow.binding.prepare.complex import ComplexRequest, chain_names, changes, check_request
from merrow.binding.prepare.pose import crystal_waters
from merrow.binding.prepare.protonate import protonate
from merrow.cost import MeasuredCost, peak_memory_mib

AM1_STEPS: Final = 10, 200
"""AM1 geometry optimisation steps before charges, for a rigid and a flexible ligand."""
WATERS_PER_ANGSTROM3: Final = 0.029
"""Water density of a box from tleap, below that of bulk water."""
VDW: Final = 3.0
"""Addition to a box edge from the atomic radii that tleap uses for the solute [Å]."""
ANGSTROM3_PER_ATOM: Final = 9.0
"""Volume of an atom of the protein, hydrogens included."""
TLEAP_S_PER_ATOM: Final = 3e-4
"""Total time of all runs of tleap, measured [s]."""
MIB_PER_ATOM: Final = 5e-4
"""Total size of all files, measured."""
S_PER_MIN = 60.0
SQM: Final = """one step
 &qmmm
  qm_theory='AM1', qmcharge={charge}, maxcyc=0, scfconv=1.d-10,
 /
"""


@dataclass(frozen=True)
class ComplexCost(MeasuredCost):
    """Planned changes and estimated cost on this machine.

    Attributes:
        chains: Chains of the protein.
        smiles, charge: The ligand and its charge [e].
        waters: Approximate number of waters in the box; 0 without one.
        changes: Changes to the protein, by kind.
        least_minutes, most_minutes: Wall time [min], for few and many AM1 steps.
        memory_mib, disk_mib: Approximate memory and disk [MiB].
    """

    chains: list[str]
    smiles: str
    charge: int
    waters: int
    changes: dict[str, list[Any]]
    least_minutes: float
    most_minutes: float
    memory_mib: float
    disk_mib: float


def complex_cost(request: ComplexRequest) -> ComplexCost:
    """Check a request as `prepare_complex` does, assign protonation and time an AM1 step.

    Raises:
        InputError: The input is ambiguous, or the folder is in use.
        UnsupportedPhysicsError: The method cannot treat this system.
        MissingComponentError: AmberTools or PDB2PQR is not installed.
        MerrowError: A program failed.
    """
    protein, molecule, _ = check_request(request)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        whole = protonate(protein, ph=request.ph, folder=Path(scratch))
        places = _positions(whole.pdb, molecule)
        hydrogens = time.monotonic() - began
        step = 0.0
        if request.charges != "file" and not is_known(molecule, charges=request.charges):
            step = _am1_step(molecule, Path(scratch))
    kept = () if request.waters == "none" else crystal_waters(protein, molecule).kept
    around = [water.positions()[:1] for water in kept]
    waters = 0 if request.implicit else _waters(places, around, request.around)
    n_atoms = len(places) + 3 * waters
    least, most = (
        (hydrogens + steps * step + TLEAP_S_PER_ATOM * n_atoms) / S_PER_MIN for steps in AM1_STEPS
    )
    return ComplexCost(
        chains=chain_names(protein),
        smiles=molecule.smiles,
        charge=molecule.charge,
        waters=waters,
        changes=changes(protein, whole),
        least_minutes=least,
        most_minutes=most,
        memory_mib=peak_memory_mib(programs=True),
        disk_mib=MIB_PER_ATOM * n_atoms,
    )


def _positions(pdb: Path, molecule: InputMolecule) -> np.ndarray:
    """Return all atoms of the complex [Å], shape (n, 3)."""
    lines = (line for line in pdb.read_text().splitlines() if line.startswith("ATOM"))
    protein = [[float(line[k : k + 8]) for k in (30, 38, 46)] for line in lines]
    return np.concatenate([np.array(protein), molecule.positions])


def _waters(places: np.ndarray, around: list[np.ndarray], buffer: float) -> int:
    """Estimate the number of waters in a box.

    Args:
        places: Atoms of the complex [Å], shape (n, 3).
        around: Kept crystal waters [Å], each shape (1, 3).
        buffer: Water layer around all of these [Å].
    """
    edges = np.ptp(np.concatenate([places, *around]), axis=0) + VDW + 2.0 * buffer
    volume = float(np.prod(edges))
    return round(WATERS_PER_ANGSTROM3 * (volume - ANGSTROM3_PER_ATOM * len(places)))


def _am1_step(molecule: InputMolecule, folder: Path) -> float:
    """Return the time of one energy and gradient by AM1 [s]."""
    rows = (
        f"{number} {molecule.mol.GetAtomWithIdx(i).GetSymbol()} {x:.6f} {y:.6f} {z:.6f}"
        for i, (number, (x, y, z)) in enumerate(
            zip(molecule.numbers, molecule.positions, strict=True)
        )
    )
    (folder / "sqm.in").write_text(SQM.format(charge=molecule.charge) + "\n".join(rows) + "\n")
    began = time.monotonic()
    run_program("sqm", ["-O", "-i", "sqm.in", "-o", "sqm.out"], folder=folder, log="sqm.log")
    return time.monotonic() - began
