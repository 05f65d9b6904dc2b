# SPDX-License-Identifier: MIT
"""Reading of PDB and mmCIF files: all atoms in their chains, links and missing residues.

Libraries' readers are not used (decision 22): they lose the order of the file, names of four
letters, or elements that only the names tell.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from parmed.formats.pdbx import PdbxReader
from parmed.periodic_table import AtomicNum, element_by_name

from merrow.errors import InputError
from merrow.files import is_file

Array = NDArray[np.float64]

CIF: Final = re.compile(r"(\s|#.*\n)*data_", re.IGNORECASE)
"""How an mmCIF file begins, behind comments."""
FARTHEST: Final = 12.0
"""Distance between two locations of an atom from which on they belong to two residues [Å]."""


class Place(NamedTuple):
    """Where in its chain a residue stands: chain, number, insertion code, CHARMM's segment."""

    chain: str
    number: int
    insertion: str = ""
    segment: str = ""


@dataclass(frozen=True, eq=False)
class FileAtom:
    """One record of a file.

    Attributes:
        residue: Name of the residue.
        name: Name of the atom.
        letter: Letter of the alternate location, or "".
        number: Atomic number; 0 for an extra point, or where no element is known.
        position: Position [Å], shape (3,).
        occupancy: Occupancy; 0 where the file has none.
        b: B-factor [Å²].
    """

    residue: str
    name: str
    letter: str
    number: int
    position: Array
    occupancy: float
    b: float


@dataclass(frozen=True, eq=False)
class Site:
    """All atoms at one place of a chain: one residue, or several that are there in turn.

    Attributes:
        place: The place.
        atoms: Its atoms, in the order of the file.
        ends: Whether a TER record follows.
    """

    place: Place
    atoms: tuple[FileAtom, ...]
    ends: bool = False


@dataclass(frozen=True, eq=False)
class StructureFile:
    """Content of a structure file.

    Attributes:
        sites: Its atoms, each in one of them.
        missing: Labels of residues that were not located, such as "LEU A 164".
        links: Pairs of residue labels that the file lists as bound.
    """

    sites: tuple[Site, ...]
    missing: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


Record = tuple[Place, FileAtom] | None
"""An atom and its place, or the end of a chain."""


def read_structure(path: Path) -> StructureFile:
    """Read a PDB or mmCIF file, recognised by its content.

    Raises:
        InputError: The file is missing or damaged, or has no atoms or several models.
    """
    if not is_file(path):
        raise InputError(f"there is no structure file {path}.")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    blocks = _blocks(path, text) if CIF.match(text) else []
    block = blocks[0] if blocks else None
    if block is None:
        parts = re.split(r"^(?:MODEL|ENDMDL)\b", text, flags=re.M)
        n_models = sum(re.search(r"^(ATOM|HETATM)", part, flags=re.M) is not None for part in parts)
    else:
        numbers = (set(_column(one, "atom_site", "pdbx_PDB_model_num")) for one in blocks)
        n_models = sum(max(1, len(found)) for found in numbers)
    if n_models > 1:
        raise InputError(
            f"{path.name} has {n_models} models: put the one that you mean into a file of its own."
        )
    sites = _sites(_pdb_records(path, text) if block is None else _cif_records(path, block))
    if not sites:
        raise InputError(f"{path.name} has no atoms: give the PDB or mmCIF file of a protein.")
    if not all(np.isfinite(atom.position).all() for site in sites for atom in site.atoms):
        raise InputError(f"{path.name} has positions that are not finite numbers.")
    if block is not None:
        return StructureFile(sites, tuple(_missing(block)), tuple(_bound(block)))
    missing = re.findall(r"^REMARK 465 +(?:\d+ +)?([A-Z]{3}) (\w) +(-?\d+[A-Z]?)", text, flags=re.M)
    return StructureFile(sites, tuple(" ".join(found) for found in missing), _links(text))


def _sites(records: Iterable[Record]) -> tuple[Site, ...]:
    """Return the atoms by place; neighbours in the file share one.

    Some programs list the second locations of all residues behind the first ones.
    """
    runs: list[tuple[Place, list[FileAtom]]] = []
    found: list[Site] = []
    earlier: dict[Place, int] = {}
    for record in (*records, None):
        if record is not None and runs and runs[-1][0] == record[0]:
            runs[-1][1].append(record[1])
        elif record is not None:
            runs.append((record[0], [record[1]]))
        else:
            for place, atoms in runs:
                at = earlier.get(place)
                if at is not None and _are_rest_of(atoms, found[at].atoms):
                    found[at] = Site(place, (*found[at].atoms, *atoms))
                else:
                    earlier[place] = len(found)
                    found.append(Site(place, tuple(atoms)))
            if runs:
                found[-1] = replace(found[-1], ends=True)
            runs, earlier = [], {}
    return tuple(found)


def _are_rest_of(atoms: Sequence[FileAtom], before: Sequence[FileAtom]) -> bool:
    """Tell whether atoms are further locations of earlier ones, which carry other letters."""
    known = {(atom.residue, atom.name, atom.letter) for atom in before}
    first = {atom.name: atom for atom in before}
    shared = [(first[atom.name], atom) for atom in atoms if atom.name in first]
    return (
        bool(shared)
        and all(atom.letter for atom in atoms)
        and not any((atom.residue, atom.name, atom.letter) in known for atom in atoms)
        and all(
            one.letter and float(np.linalg.norm(one.position - two.position)) < FARTHEST
            for one, two in shared
        )
    )


def _pdb_records(path: Path, text: str) -> Iterator[Record]:
    """Yield the atoms of a PDB file by its columns."""
    last, count = "", 0
    for k, line in enumerate(text.splitlines(), 1):
        if line[:6].rstrip() == "TER":
            yield None
        if not line.startswith(("ATOM", "HETATM")):
            continue
        try:
            if line[34:35] != "." and line[35:36] == ".":
                raise ValueError("its columns are moved by one")
            position = np.array([float(line[i : i + 8]) for i in (30, 38, 46)])
        except ValueError as error:
            raise InputError(f"{path.name} is not a valid PDB file (line {k}: {error}).") from error
        if line[17:27] != last:  # numbers above 9999 are written in letters, or begin anew
            last = line[17:27]
            count = int(line[22:26]) if _is_number(line[22:26]) else count + 1
        name, residue = line[12:16].strip(), line[17:21].strip()
        yield (
            Place(line[21:22].strip(), count, line[26:27].strip(), line[72:76].strip()),
            FileAtom(
                residue=residue,
                name=name,
                letter=line[16:17].strip(),
                number=_element(line[76:78], name, residue),
                position=position,
                occupancy=_or_zero(line[54:60]),
                b=_or_zero(line[60:66]),
            ),
        )


def _cif_records(path: Path, block: Any) -> Iterator[Record]:
    """Yield the atoms of an mmCIF file, by the author's names where it has them."""
    count = len(_column(block, "atom_site", "Cartn_x"))
    if not count:
        return

    def column(*names: str, needed: bool = True) -> list[str]:
        found = [c for name in names if (c := _column(block, "atom_site", name))]
        if not found and needed:
            raise InputError(
                f"{path.name} is not a valid mmCIF file (its atoms have no {names[0]})."
            )
        return [
            next((value for value in values if value not in (".", "?")), "")
            for values in zip(*(found or [("?",) * count]), strict=True)
        ]

    columns = (
        column("auth_asym_id", "label_asym_id"),
        column("auth_seq_id", "label_seq_id"),
        column("pdbx_PDB_ins_code", needed=False),
        column("auth_comp_id", "label_comp_id"),
        column("auth_atom_id", "label_atom_id"),
        column("label_alt_id", needed=False),
        column("type_symbol", needed=False),
        *(column(f"Cartn_{x}") for x in "xyz"),
        column("occupancy", needed=False),
        column("B_iso_or_equiv", needed=False),
    )
    for chain, number, code, residue, name, letter, symbol, *numbers in zip(*columns, strict=True):
        try:
            place = Place(chain, int(number), code)
            position = np.array([float(x) for x in numbers[:3]])
        except ValueError as error:
            raise InputError(f"{path.name} is not a valid mmCIF file ({error}).") from error
        z = _element(symbol, name, residue)
        rest = (_or_zero(x) for x in numbers[3:])
        yield place, FileAtom(residue, name, letter, z, position, *rest)


def _is_number(text: str) -> bool:
    return re.fullmatch(r" *-?\d+ *", text) is not None


def _or_zero(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _element(symbol: str, name: str, residue: str) -> int:
    """Return an atomic number; where the file does not tell the element, its name does.

    CA is a carbon, but calcium in a residue that is called so, too. X is an element unknown.
    """
    if symbol.strip().upper() == "X":
        return 0
    for told in (symbol.strip(), residue if residue.upper() == name.upper() else ""):
        if (number := AtomicNum.get(told.title())) is not None:
            return int(number)
    return int(AtomicNum[element_by_name(name.lstrip("0123456789'\""))])


def _links(text: str) -> tuple[tuple[str, str], ...]:
    """Return the residues bound by LINK records, by their labels."""

    def label(line: str, at: int) -> str:
        name, chain, number = line[at : at + 3], line[at + 4], line[at + 5 : at + 9]
        return " ".join(f"{name} {chain} {number.strip()}{line[at + 9]}".split())

    lines = [line.ljust(80) for line in text.splitlines() if line.startswith("LINK  ")]
    return tuple((label(line, 17), label(line, 47)) for line in lines)


def _blocks(path: Path, text: str) -> list[Any]:
    """Return the data blocks of an mmCIF file that have atoms; others may describe its ligands."""
    blocks: list[Any] = []
    try:
        PdbxReader(io.StringIO(text)).read(blocks)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name} is not a valid mmCIF file ({reason}).") from error
    if not blocks:
        raise InputError(f"{path.name} is an mmCIF file without a block of data.")
    return [one for one in blocks if _column(one, "atom_site", "Cartn_x")] or blocks[:1]


def _column(block: Any, category: str, name: str) -> Sequence[str]:
    """Return a column of a category; empty if the file lacks it."""
    table = block.getObj(category)
    if table is None or (place := table.getAttributeIndex(name)) < 0:
        return ()
    return [str(row[place]) for row in table.getRowList()]


def _labels(block: Any, category: str, prefix: str = "", code: str = "") -> Iterator[str]:
    """Yield labels of residues by author-assigned names, if the file has them."""
    parts = [
        _column(block, category, f"{prefix}auth_{x}_id")
        or _column(block, category, f"{prefix}label_{x}_id")
        for x in ("comp", "asym", "seq")
    ]
    codes = _column(block, category, code) or [""] * len(parts[0])
    for name, chain, number, insertion in zip(*parts, codes, strict=False):
        yield f"{name} {chain} {number}{insertion if insertion not in '.?' else ''}"


def _missing(block: Any) -> Iterator[str]:
    """Yield the residues that were not located."""
    yield from _labels(block, "pdbx_unobs_or_zero_occ_residues", code="PDB_ins_code")


def _bound(block: Any) -> Iterator[tuple[str, str]]:
    """Yield the pairs of residues bound other than by peptide bonds or disulfides."""
    kinds = _column(block, "struct_conn", "conn_type_id")
    ends = [
        list(_labels(block, "struct_conn", f"ptnr{k}_", f"pdbx_ptnr{k}_PDB_ins_code"))
        for k in (1, 2)
    ]
    for kind, one, two in zip(kinds, *ends, strict=False):
        if kind in ("covale", "metalc"):
            yield one, two
