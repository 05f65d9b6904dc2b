# SPDX-License-Identifier: MIT
"""A drawing of the structural formula of the solute, as inline SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdDepictor, rdDetermineBonds

from merrow.errors import InputError, MissingComponentError, first_line
from merrow.report.svg import inline_svg

MAX_ITERATIONS: Final = 10_000
"""Maximum number of attempts to assign bond orders before all bonds are drawn single."""


@dataclass(frozen=True, eq=False)
class Structure:
    """The solute, for a drawing without SMILES.

    Attributes:
        numbers: Atomic numbers, length N.
        positions: Positions [Å], shape (N, 3).
        bonds: Pairs of atom indices.
    """

    numbers: tuple[int, ...]
    positions: NDArray[np.float64]
    bonds: tuple[tuple[int, int], ...]


def structure_from_smiles(smiles: str) -> str:
    """Draw the molecule of a SMILES.

    Raises:
        InputError: The SMILES cannot be read.
        MissingComponentError: RDKit cannot draw here.
    """
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise InputError(f"the SMILES {smiles!r} cannot be drawn; check it with another program.")
    return _draw(molecule, f"Structure of {smiles}")


def structure_from_atoms(structure: Structure, *, charge: int) -> str:
    """Draw a molecule from its atoms, positions, bonds and charge [e], which give bond orders.

    If no set of bond orders fits, all bonds are drawn single.

    Raises:
        MissingComponentError: RDKit cannot draw here.
    """
    plain = Chem.RWMol()
    for number in structure.numbers:
        atom = Chem.Atom(int(number))
        atom.SetNoImplicit(True)
        plain.AddAtom(atom)
    for first, second in structure.bonds:
        plain.AddBond(int(first), int(second), Chem.BondType.SINGLE)
    conformer = Chem.Conformer(len(structure.numbers))
    conformer.SetPositions(np.ascontiguousarray(structure.positions))
    plain.AddConformer(conformer)
    molecule = Chem.Mol(plain)
    try:
        with rdBase.BlockLogs():
            rdDetermineBonds.DetermineBondOrders(
                molecule, charge=charge, maxIterations=MAX_ITERATIONS
            )
            molecule = Chem.RemoveHs(molecule)
    except (ValueError, RuntimeError):
        molecule = Chem.Mol(plain)
    return _draw(molecule, f"Structure of the solute, {len(structure.numbers)} atoms")


def _draw(molecule: Any, title: str) -> str:
    try:  # the drawing of RDKit's wheels loads X libraries of the system, which servers may lack
        from rdkit.Chem.Draw import rdMolDraw2D  # noqa: PLC0415
    except ImportError as error:
        raise MissingComponentError(
            f"RDKit cannot draw it on this machine ({first_line(error)}); install the library, on "
            "Debian and Ubuntu with `apt install libxrender1 libxext6`."
        ) from error
    molecule.UpdatePropertyCache(strict=False)
    rdDepictor.Compute2DCoords(molecule)
    drawer: Any = rdMolDraw2D.MolDraw2DSVG(320, 220)
    drawer.drawOptions().clearBackground = False
    try:
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule)
    except (ValueError, RuntimeError):  # no Kekulé formula fits
        rdMolDraw2D.PrepareAndDrawMolecule(drawer, molecule, kekulize=False)
    drawer.FinishDrawing()
    return inline_svg(drawer.GetDrawingText(), name="structure", title=title)
