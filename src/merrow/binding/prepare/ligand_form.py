# SPDX-License-Identifier: MIT
"""Check of the protonation state of a ligand at a pH: acids, amines, amidines.

A group's usual pKa follows from its pattern; electron-withdrawing groups lower that of an amine by
the increments of D. D. Perrin, B. Dempsey, E. P. Serjeant, *pKa Prediction for Organic Acids and
Bases*, 1981, doi:10.1007/978-94-009-5883-8.
"""

from __future__ import annotations

from typing import Any, Final

from rdkit import Chem

from merrow.ambertools.molecule import InputMolecule
from merrow.errors import InputError

ALKYL: Final = "$([CX4]([#6,#1])([#6,#1])[#6,#1])"
STATES: Final = (
    ("[CX3](=O)[OX2H1]", "a neutral carboxylic acid", 4.5, "acid"),
    ("[CX3](=O)[O-]", "a carboxylate", 4.5, "base"),
    ("[SX4](=O)(=O)[OX2H1]", "a neutral sulfonic acid", 0.0, "acid"),
    ("[PX4](=O)([OX2H1])[#6,#8]", "a neutral phosphonic or phosphoric acid", 2.0, "acid"),
    (f"[NX3;+0;H2][{ALKYL}]", "a neutral primary amine", 10.6, "amine"),
    (f"[NX3;+0;H1]([{ALKYL}])[{ALKYL}]", "a neutral secondary amine", 11.1, "amine"),
    (f"[NX3;+0;H0]([{ALKYL}])([{ALKYL}])[{ALKYL}]", "a neutral tertiary amine", 10.5, "amine"),
    ("[NX4;+1;!H0]", "a protonated amine", 10.6, "ammonium"),
    ("[#6;!a][CX3](=[NX2;+0;H1])[NX3;H2]", "a neutral amidine", 12.0, "base"),
    ("c[CX3](=[NX2;+0;H1])[NX3;H2]", "a neutral amidine", 11.5, "base"),
    ("[NX3;H2][CX3](=[NX2;+0])[NX3][#6X4]", "a neutral guanidine", 13.0, "base"),
)
"""Pattern, name, usual pKa, and whether the group as written holds the proton (acid, ammonium)."""
WEAKER: Final = (
    ("[N;{n}][CX4]C#N", 5.0),
    ("[N;{n}][CX4][CX3]=[OX1,SX1]", 2.7),
    ("[N;{n}][CX4]c", 1.2),
    ("[N;{n}][CX4][CX4]F", 1.6),
    ("[N;{n}][CX4][CX4][Cl,Br,I]", 1.5),
    ("[N;{n}][CX4][CX4][OX2]", 1.2),
    ("[N;{n}][CX4][CX4][SX2]", 0.8),
    ("[N;{n}][CX4][CX4][SX4](=O)=O", 3.0),
    ("[N;{n}][CX4][CX4]C#N", 3.0),
    ("[N;{n}][CX4][CX4][NX3]", 0.9),
    ("[N;{n}][CX4][CX4][NX4+]", 3.6),
)
"""Substituent of the nitrogen, and its shift of the pKa of an amine, counted once each."""
MARGIN: Final = 1.5
"""Difference between pKa and pH above which a form counts as wrong."""


def check_form(molecule: InputMolecule, ph: float) -> None:
    """Refuse a ligand with a group in an unlikely protonation state at this pH.

    Raises:
        InputError: There is such a group; the message names it and its pKa.
    """
    for smarts, name, usual, kind in STATES:
        for hit in molecule.mol.GetSubstructMatches(Chem.MolFromSmarts(smarts)):
            atom = molecule.mol.GetAtomWithIdx(hit[0])
            pka = usual
            if kind in ("amine", "ammonium"):
                pka -= lowered(molecule.mol, hit[0])
            holds = kind in ("acid", "ammonium")
            if ph > pka + MARGIN if holds else ph < pka - MARGIN:
                raise InputError(
                    f"atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) of the ligand {molecule.name} "
                    f"belongs to {name}, whose pKa is usually near {pka:.3g}, but the pH is "
                    f"{ph:g}: give the other form, or say --ligand-as-given if you know better."
                )


def lowered(mol: Any, nitrogen: int) -> float:
    """Return by how much its substituents lower the pKa of an amine nitrogen."""
    total = 0.0
    for smarts, increment in WEAKER:
        query = Chem.MolFromSmarts(smarts.format(n="+0,+1"))
        hits = mol.GetSubstructMatches(query, uniquify=False, maxMatches=10_000)
        total += increment * len({hit[:4] for hit in hits if hit[0] == nitrogen})
    return total
