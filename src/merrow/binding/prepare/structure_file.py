# SPDX-License-Identifier: MIT
"""A PDB or mmCIF file as ParmEd reads it, with its links and the residues that it misses."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import parmed
from parmed.formats.pdbx import PdbxReader

from merrow.errors import InputError


@dataclass(frozen=True, eq=False)
class StructureFile:
    """What a file holds.

    Attributes:
        structure: ParmEd's structure, without bonds.
        missing: Labels of residues that were not located, such as "LEU A 164".
        links: Pairs of residue labels that the file says are bound.
    """

    structure: Any
    missing: tuple[str, ...]
    links: tuple[tuple[str, str], ...]


def read_structure(path: Path) -> StructureFile:
    """Read a PDB or mmCIF file; its content decides which.

    Raises:
        InputError: It is missing or damaged, has no atoms, or several models.
    """
    if not path.is_file():
        raise InputError(f"there is no protein file {path}.")
    text = path.read_text(encoding="utf-8-sig", errors="replace")
    cif = text.lstrip().startswith("data_")
    block = _block(path, text) if cif else None
    if cif:
        n_models = len(set(_column(block, "atom_site", "pdbx_PDB_model_num")))
    else:
        n_models = len(re.findall(r"^MODEL ", text, flags=re.M))
    if n_models > 1:
        raise InputError(
            f"{path.name} has {n_models} models: put the one that you mean into a file of its own."
        )
    if not (n_models if cif else re.search(r"^(ATOM|HETATM)", text, flags=re.M)):
        raise InputError(f"{path.name} has no atoms: give the PDB or mmCIF file of a protein.")
    structure = _parse(path, text, cif=cif)
    if cif:
        return StructureFile(structure, tuple(_missing(block)), tuple(_bound(block)))
    missing = re.findall(r"^REMARK 465 +(?:\d+ +)?([A-Z]{3}) ([A-Z0-9]) +(-?\d+)", text, flags=re.M)
    return StructureFile(structure, tuple(" ".join(found) for found in missing), _links(text))


def _parse(path: Path, text: str, *, cif: bool) -> Any:
    try:
        read = parmed.read_CIF if cif else parmed.read_PDB
        structure = read(io.StringIO(text), skip_bonds=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        kind = "mmCIF" if cif else "PDB"
        raise InputError(f"{path.name} is not a valid {kind} file ({reason}).") from error
    if not np.isfinite(structure.coordinates).all():
        raise InputError(f"{path.name} has positions that are not finite numbers.")
    return structure


def _links(text: str) -> tuple[tuple[str, str], ...]:
    """Return the residues that LINK records bind, by their labels."""

    def label(line: str, at: int) -> str:
        name, chain, number = line[at : at + 3], line[at + 4], line[at + 5 : at + 9]
        return f"{name.strip()} {chain.strip()} {number.strip()}{line[at + 9].strip()}"

    lines = [line.ljust(80) for line in text.splitlines() if line.startswith("LINK  ")]
    return tuple((label(line, 17), label(line, 47)) for line in lines)


def _block(path: Path, text: str) -> Any:
    """Return the first data block of an mmCIF file."""
    blocks: list[Any] = []
    try:
        PdbxReader(io.StringIO(text)).read(blocks)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path.name} is not a valid mmCIF file ({reason}).") from error
    if not blocks:
        raise InputError(f"{path.name} is an mmCIF file without a block of data.")
    return blocks[0]


def _column(block: Any, category: str, name: str) -> Sequence[str]:
    """Return one column of a category; nothing where the file has none."""
    table = block.getObj(category)
    if table is None or (place := table.getAttributeIndex(name)) < 0:
        return ()
    return [str(row[place]) for row in table.getRowList()]


def _labels(block: Any, category: str, prefix: str = "", code: str = "") -> Iterator[str]:
    """Yield labels of residues by the author's names."""
    parts = [_column(block, category, f"{prefix}auth_{x}_id") for x in ("comp", "asym", "seq")]
    codes = _column(block, category, code) or [""] * len(parts[0])
    for name, chain, number, insertion in zip(*parts, codes, strict=False):
        yield f"{name} {chain} {number}{insertion if insertion not in '.?' else ''}"


def _missing(block: Any) -> Iterator[str]:
    """Yield the residues that were not located."""
    yield from _labels(block, "pdbx_unobs_or_zero_occ_residues", code="PDB_ins_code")


def _bound(block: Any) -> Iterator[tuple[str, str]]:
    """Yield the pairs of residues that are bound otherwise than as a chain or a disulfide."""
    kinds = _column(block, "struct_conn", "conn_type_id")
    ends = [
        list(_labels(block, "struct_conn", f"ptnr{k}_", f"pdbx_ptnr{k}_PDB_ins_code"))
        for k in (1, 2)
    ]
    for kind, one, two in zip(kinds, *ends, strict=False):
        if kind in ("covale", "metalc"):
            yield one, two
