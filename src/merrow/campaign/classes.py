# SPDX-License-Identifier: MIT
"""Classification of a molecule into exactly one class of compounds.

The first matching pattern decides; groups that dominate a hydration free energy come first.
"""

from __future__ import annotations

import functools
from typing import Any

from rdkit import Chem, rdBase

UNKNOWN = "not known"
OTHER = "other"
PATTERNS = (
    ("carboxylic acid", "[CX3](=O)[OX2H1]"),
    ("amide", "[CX3](=O)[NX3]"),
    ("ester", "[CX3](=O)[OX2][#6]"),
    ("nitro", "[N+](=O)[O-]"),
    ("nitrile", "[CX2]#[NX1]"),
    ("halide", "[F,Cl,Br,I]"),
    ("sulfur", "[#16]"),
    ("phosphorus", "[#15]"),
    ("aldehyde", "[CX3H1,CX3H2](=O)"),
    ("ketone", "[#6][CX3](=O)[#6]"),
    ("amine", "[NX3;!$(N=*);!$(N-C=O);!n]"),
    ("alcohol", "[OX2H][#6]"),
    ("ether", "[#6][OX2;!$(OC=O)][#6]"),
    ("aromatic", "a"),
    ("alkyne", "C#C"),
    ("alkene", "C=C"),
)
"""Class and SMARTS, in the order in which they are tested."""


@functools.cache
def _patterns() -> tuple[tuple[str, Any], ...]:
    return tuple((name, Chem.MolFromSmarts(smarts)) for name, smarts in PATTERNS)


def compound_class(smiles: str | None) -> str:
    """Return the class of a molecule; "not known" without a readable SMILES."""
    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
    if molecule is None or molecule.GetNumAtoms() == 0:
        return UNKNOWN
    if Chem.GetFormalCharge(molecule):
        return "ion"
    for name, pattern in _patterns():
        if molecule.HasSubstructMatch(pattern):
            return name
    hydrocarbon = all(atom.GetAtomicNum() in (1, 6) for atom in molecule.GetAtoms())
    return "alkane" if hydrocarbon else OTHER
