# SPDX-License-Identifier: MIT
"""Protonation of a protein at a pH by PROPKA and PDB2PQR.

Residues are numbered from 1 through the whole protein, as they will be in the prmtop, whatever
chains and insertion codes the file has.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.amber.residues import C_CAPS, N_CAPS, PHOSPHORYLATED
from merrow.ambertools.programs import failure, run_program
from merrow.binding.prepare.names import HEAVY_ATOMS
from merrow.binding.prepare.protein import Protein
from merrow.binding.prepare.residue import Residue
from merrow.errors import InputError, MerrowError, MissingComponentError

Array = NDArray[np.float64]

CAP_ATOMS: Final = {"ACE": {"CH3", "C", "O"}, "NME": {"N", "C"}, "NHE": {"N"}}
SULFUR_BRIDGE: Final = 2.5
"""Longest S–S distance of a disulfide bridge [Å]."""
FLIPPED: Final = {"ASN": ("OD1", "ND2"), "GLN": ("OE1", "NE2"), "HIS": ("ND1", "CD2")}


@dataclass(frozen=True, eq=False)
class Protonated:
    """A protein with hydrogens, in AMBER's names.

    Attributes:
        pdb: File for tleap; residues numbered from 1, chains separated by TER.
        names: AMBER residue names, in order.
        bridges: Pairs of residue numbers joined by disulfide bridges.
        built: Added heavy atoms, as "CG of LYS A 13".
        flipped: Side chains flipped by 180° for their hydrogen bonds.
        states: Residues with unusual protonation, and all histidines.
        uncertain: Titratable residues whose pKa is within one unit of the pH.
    """

    pdb: Path
    names: tuple[str, ...]
    bridges: tuple[tuple[int, int], ...]
    built: tuple[str, ...]
    flipped: tuple[str, ...]
    states: tuple[str, ...]
    uncertain: tuple[str, ...]


def protonate(protein: Protein, *, ph: float, folder: Path) -> Protonated:
    """Add hydrogens and missing side-chain atoms.

    Args:
        protein: The protein.
        ph: pH at which each titratable group is assigned.
        folder: Folder for heavy.pdb, hydrogens.pdb, hydrogens.pqr, pdb2pqr.log and protein.pdb.

    Raises:
        InputError: The protein is too large for the PDB format, or a residue has more atoms than
            AMBER's.
        MissingComponentError: PDB2PQR is not installed.
        MerrowError: PDB2PQR failed or lost a residue; the message has the tail of its log.
    """
    require_pdb2pqr()
    residues = list(protein.residues())
    if len(residues) > 9999:
        raise InputError(f"{protein.path.name} has {len(residues)} residues; 9999 is the most.")
    for residue in residues:
        known = HEAVY_ATOMS.get(residue.name, residue.atoms.keys())
        _refuse_lost(protein, residue, residue.atoms.keys() - known)
    folder.mkdir(parents=True, exist_ok=True)
    _write_heavy(protein, folder / "heavy.pdb")
    arguments = ["--ff", "AMBER", "--ffout", "AMBER", "--keep-chain", "--log-level", "INFO"]
    arguments += ["--titration-state-method", "propka", "--with-ph", f"{ph:g}"]
    arguments += ["--pdb-output", "hydrogens.pdb", "heavy.pdb", "hydrogens.pqr"]
    log = run_program("pdb2pqr30", arguments, folder=folder, log="pdb2pqr.log")
    if not (folder / "hydrogens.pdb").is_file():
        raise failure("pdb2pqr30", folder / "pdb2pqr.log", "wrote no structure")
    found = _read_made(folder / "hydrogens.pdb")
    merged = _merge(protein, found, folder)
    (folder / "protein.pdb").write_text(_pdb(protein, merged))
    names = tuple(name for name, _ in merged)
    return Protonated(
        pdb=folder / "protein.pdb",
        names=names,
        bridges=_bridges(merged),
        built=tuple(_built(residues, merged)),
        flipped=tuple(_flipped(residues, merged)),
        states=tuple(_states(residues, names)),
        uncertain=tuple(_uncertain(log, residues, ph)),
    )


def require_pdb2pqr() -> None:
    """Raise unless PDB2PQR is installed.

    Raises:
        MissingComponentError: PDB2PQR is not installed.
    """
    if importlib.util.find_spec("pdb2pqr") is None:
        raise MissingComponentError(
            "PDB2PQR, which gives the protein its hydrogens, is not installed: "
            "`pip install 'merrow[protein]'`."
        )


def _write_heavy(protein: Protein, path: Path) -> None:
    """Write the heavy atoms without caps, which PDB2PQR's AMBER charges lack."""
    bare = [
        (r.name, {} if r.name in N_CAPS | C_CAPS else dict(r.atoms)) for r in protein.residues()
    ]
    path.write_text(_pdb(protein, bare))


def _pdb(protein: Protein, residues: Sequence[tuple[str, dict[str, Array]]]) -> str:
    """Return PDB text of residues numbered from 1, in the protein's chains."""
    lines: list[str] = []
    number = serial = 0
    for index, chain in enumerate(protein.chains):
        letter = chr(ord("A") + index % 26)
        for _ in chain:
            name, atoms = residues[number]
            number += 1
            for atom, (x, y, z) in atoms.items():
                serial += 1
                shown = atom if len(atom) == 4 else f" {atom:<3}"
                symbol = re.sub(r"\d", "", atom)[0]
                lines.append(
                    f"ATOM  {serial % 100000:5d} {shown} {name:<3} {letter}{number:4d}    "
                    f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00          {symbol:>2}"
                )
        lines.append("TER")
    return "\n".join([*lines, "END", ""])


def _read_made(path: Path) -> dict[int, tuple[str, dict[str, Array]]]:
    """Return name and atoms of each residue by its number."""
    found: dict[int, tuple[str, dict[str, Array]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith(("ATOM", "HETATM")):
            _, atoms = found.setdefault(int(line[22:26]), (line[17:20].strip(), {}))
            place = [float(line[i : i + 8]) for i in (30, 38, 46)]
            atoms[line[12:16].strip()] = np.array(place)
    return found


def _merge(
    protein: Protein, found: dict[int, tuple[str, dict[str, Array]]], folder: Path
) -> list[tuple[str, dict[str, Array]]]:
    """Return every residue: PDB2PQR's if it knows it, else the file's heavy atoms.

    Its hydrogens at N, O and S are kept, since they were placed for hydrogen bonds. Apparent chain
    ends next to a cap or a phosphorylated residue are left to tleap, which knows the whole chain.
    """
    foreign = N_CAPS | C_CAPS | PHOSPHORYLATED
    merged: list[tuple[str, dict[str, Array]]] = []
    for chain in protein.chains:
        for i, residue in enumerate(chain):
            name, atoms = found.get(len(merged) + 1, ("", {}))
            if residue.name in foreign:
                renamed = _cap_names(residue)
                kept = CAP_ATOMS.get(residue.name, renamed.keys())
                _refuse_lost(protein, residue, renamed.keys() - kept)
                merged.append((residue.name, renamed))
                continue
            if not atoms:
                raise MerrowError(f"PDB2PQR lost {residue.label}; see {folder / 'pdb2pqr.log'}.")
            _refuse_lost(protein, residue, residue.atoms.keys() - atoms.keys())
            drop = _on_carbon(atoms)
            if i > 0 and chain[i - 1].name in foreign:
                drop |= {"H", "H1", "H2", "H3"}
            if i + 1 < len(chain) and chain[i + 1].name in foreign:
                drop |= {"OXT", "HXT"}
            merged.append((name, {a: x for a, x in atoms.items() if a not in drop}))
    return merged


def _refuse_lost(protein: Protein, residue: Residue, lost: Set[str]) -> None:
    """Refuse a residue with atoms that AMBER's residue of this name does not have."""
    if lost:
        raise InputError(
            f"{residue.label} of {protein.path.name} has the atom {min(lost)}, which is none of "
            f"AMBER's {residue.name}: give it AMBER's name, or remove it if the residue is a plain "
            f"{residue.name}."
        )


def _on_carbon(atoms: dict[str, Array]) -> set[str]:
    """Return the hydrogens at carbon, which tleap places at AMBER's bond lengths."""
    heavy = {name: x for name, x in atoms.items() if not _is_hydrogen(name)}
    return {
        name
        for name, x in atoms.items()
        if _is_hydrogen(name)
        and min(heavy, key=lambda h: float(np.linalg.norm(heavy[h] - x))).startswith("C")
    }


def _is_hydrogen(name: str) -> bool:
    return name.lstrip("0123456789").startswith("H")


def _cap_names(residue: Residue) -> dict[str, Array]:
    """Return the atoms of a residue, the methyl carbon of NME under AMBER's name."""
    rename = {"CH3": "C", "CA": "C"} if residue.name == "NME" else {}
    return {rename.get(name, name): place for name, place in residue.atoms.items()}


def _bridges(merged: Sequence[tuple[str, dict[str, Array]]]) -> tuple[tuple[int, int], ...]:
    sulfurs = [(i, atoms["SG"]) for i, (_, atoms) in enumerate(merged, 1) if "SG" in atoms]
    return tuple(
        (i, j)
        for a, (i, one) in enumerate(sulfurs)
        for j, two in sulfurs[a + 1 :]
        if np.linalg.norm(one - two) < SULFUR_BRIDGE
    )


def _built(
    residues: Sequence[Residue], merged: Sequence[tuple[str, dict[str, Array]]]
) -> list[str]:
    """Return the heavy atoms missing in the file."""
    return [
        f"{atom} of {residue.label}"
        for residue, (_, atoms) in zip(residues, merged, strict=True)
        for atom in atoms
        if not _is_hydrogen(atom)
        and atom not in residue.atoms
        and residue.name not in N_CAPS | C_CAPS
    ]


def _flipped(
    residues: Sequence[Residue], merged: Sequence[tuple[str, dict[str, Array]]]
) -> list[str]:
    """Return the flipped side chains."""
    turned = []
    for residue, (_, atoms) in zip(residues, merged, strict=True):
        ends = FLIPPED.get("HIS" if residue.name in ("HID", "HIE", "HIP") else residue.name)
        if ends and all(end in atoms and end in residue.atoms for end in ends):
            one, two = ends
            stay = np.linalg.norm(atoms[one] - residue.atoms[one])
            if stay > np.linalg.norm(atoms[one] - residue.atoms[two]):
                turned.append(residue.label)
    return turned


def _states(residues: Sequence[Residue], names: Sequence[str]) -> list[str]:
    """Return the residues whose name specifies a protonation state."""
    usual = {"HID": "HIS", "HIE": "HIS", "HIP": "HIS", "CYX": "CYS", "CYM": "CYS"}
    usual |= {"ASH": "ASP", "GLH": "GLU", "LYN": "LYS"}
    return [f"{r.label}: {name}" for r, name in zip(residues, names, strict=True) if name in usual]


def _uncertain(log: str, residues: Sequence[Residue], ph: float) -> list[str]:
    """Return the groups of PROPKA's summary whose pKa is within one unit of the pH."""
    _, _, summary = log.partition("SUMMARY OF THIS PREDICTION")
    rows = re.findall(r"^ +([A-Z]{3}) +(\d+) \S +(-?\d+\.\d+)", summary, flags=re.M)
    return [
        f"{residues[int(number) - 1].label}: pKa {float(pka):.1f}"
        for _, number, pka in rows
        if abs(float(pka) - ph) < 1.0 and 0 < int(number) <= len(residues)
    ]
