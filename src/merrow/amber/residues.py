# SPDX-License-Identifier: MIT
"""Names of residues in AMBER's protein force fields."""

from __future__ import annotations

from typing import Final

AMINO_ACIDS: Final = frozenset(
    {"ALA", "ARG", "ASN", "ASP", "CYS", "GLN", "GLU", "GLY", "HIS", "ILE"}
    | {"LEU", "LYS", "MET", "PHE", "PRO", "SER", "THR", "TRP", "TYR", "VAL"}
    | {"HID", "HIE", "HIP", "CYX", "CYM", "ASH", "GLH", "LYN"}  # AMBER's protonation states
)
PHOSPHORYLATED: Final = frozenset({"SEP", "TPO", "PTR"})
"""Phosphorylated residues in leaprc.phosaa14SB and phosaa19SB, as dianions."""
N_CAPS: Final = frozenset({"ACE"})
C_CAPS: Final = frozenset({"NME", "NHE"})
