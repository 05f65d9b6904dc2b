# SPDX-License-Identifier: MIT
"""Translation of residue and atom names of GROMACS, CHARMM and Maestro to AMBER's."""

from __future__ import annotations

from typing import Final

from merrow.amber.residues import AMINO_ACIDS

BACKBONE: Final = frozenset({"N", "CA", "C"})
RESIDUES: Final = {
    "HSD": "HID",
    "HSE": "HIE",
    "HSP": "HIP",
    "HISD": "HID",
    "HISE": "HIE",
    "HISH": "HIP",
    "HISP": "HIP",
    "LYSH": "LYS",
    "LSN": "LYN",
    "ASPH": "ASH",
    "ASPP": "ASH",
    "GLUH": "GLH",
    "GLUP": "GLH",
    "CYS2": "CYX",
    "NMA": "NME",
    "NH2": "NHE",
    "MSE": "MET",
}
"""Residue of another program → AMBER's."""
_SIDE_CHAINS: Final = {
    "ALA": "CB",
    "ARG": "CB CG CD NE CZ NH1 NH2",
    "ASN": "CB CG OD1 ND2",
    "ASP ASH": "CB CG OD1 OD2",
    "CYS CYX CYM": "CB SG",
    "GLN": "CB CG CD OE1 NE2",
    "GLU GLH": "CB CG CD OE1 OE2",
    "GLY": "",
    "HIS HID HIE HIP": "CB CG ND1 CD2 CE1 NE2",
    "ILE": "CB CG1 CG2 CD1",
    "LEU": "CB CG CD1 CD2",
    "LYS LYN": "CB CG CD CE NZ",
    "MET": "CB CG SD CE",
    "PHE": "CB CG CD1 CD2 CE1 CE2 CZ",
    "PRO": "CB CG CD",
    "SER": "CB OG",
    "THR": "CB OG1 CG2",
    "TRP": "CB CG CD1 CD2 NE1 CE2 CE3 CZ2 CZ3 CH2",
    "TYR": "CB CG CD1 CD2 CE1 CE2 CZ OH",
    "VAL": "CB CG1 CG2",
}
HEAVY_ATOMS: Final = {
    name: frozenset(("N", "CA", "C", "O", "OXT", *atoms.split()))
    for names, atoms in _SIDE_CHAINS.items()
    for name in names.split()
}
"""The heavy atoms that an amino acid of AMBER may have."""
WATERS: Final = frozenset(
    (
        *("HOH", "WAT", "DOD", "TIP", "TIP3", "TP3", "T3P", "TIP4", "TP4", "T4P", "TIP5", "TP5"),
        *("T5P", "OPC", "SOL", "SPC", "SPCE", "H2O"),
    )
)
CARBOXYLATE: Final = {"OC1": "O", "OC2": "OXT", "OT1": "O", "OT2": "OXT", "O1": "O", "O2": "OXT"}
"""Terminal oxygens in GROMACS and CHARMM."""
ATOMS: Final = {("ILE", "CD"): "CD1", ("MET", "SE"): "SD"}
"""Residue (AMBER's name) and atom of another program → AMBER's atom."""


def residue_name(name: str, present: frozenset[str]) -> str:
    """Return the AMBER name of a residue.

    Args:
        name: Its name in the file; a terminal residue may have the prefix N or C.
        present: Names of its heavy atoms: NMET is a cap in some files and methionine in others.
    """
    whole = present >= BACKBONE
    if len(name) == 4 and name[0] in "NC" and name[1:] in AMINO_ACIDS and whole:
        return name[1:]
    return "NME" if name == "NMET" else RESIDUES.get(name, name)


def atom_name(residue: str, name: str, present: frozenset[str]) -> str:
    """Return the AMBER name of an atom.

    Args:
        residue: AMBER name of its residue.
        name: Its name in the file.
        present: All atom names of the residue in the file: O1 and O2 are terminal oxygens only
            without an O.
    """
    if name in CARBOXYLATE and "O" not in present and present >= BACKBONE:
        return CARBOXYLATE[name]
    return ATOMS.get((residue, name), name)
