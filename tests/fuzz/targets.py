# SPDX-License-Identifier: MIT
"""The parsers of our own that are fuzzed by coverage: bytes in, a value or a named error out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import seeds

from merrow.amber.coordinates import read_coordinates
from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.campaign.rows import read_rows
from merrow.hydration.config import HydrationConfig
from merrow.md.from_mdin import read_md_settings
from merrow.mdin.disang import parse_disang
from merrow.mdin.namelist import parse_mdin
from merrow.sander.input import read_input

RESTART = (
    "two atoms\n    2\n   0.5000000   1.0000000   1.5000000   2.0000000   2.5000000   3.0000000\n"
)
RUN = "task: hydration\nsource: {kind: smiles, smiles: CO}\nseed: 7\n"


def parser(name: str, folder: Path) -> tuple[Callable[[bytes], object], list[bytes]]:
    """Return a parser of bytes and its sound inputs, by its name."""
    path = folder / f"{name}.fuzzed"

    def of_text(take: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda data: take(data.decode("utf-8", errors="replace"))

    def of_file(take: Callable[[Path], object]) -> Callable[[bytes], object]:
        def parse(data: bytes) -> object:
            path.write_bytes(data)
            return take(path)

        return parse

    prmtop = seeds.DATA / "systems" / "methane.prmtop"
    peptide = read_topology(seeds.DATA / "systems" / "dipeptide.prmtop")
    known: dict[str, tuple[Callable[[bytes], object], list[bytes]]] = {
        "namelist": (of_text(lambda text: parse_mdin(text, source="x")), [seeds.MDIN.encode()]),
        "disang": (of_text(lambda text: parse_disang(text, source="x")), [seeds.DISANG.encode()]),
        "sander": (of_text(lambda text: read_input(text, source="x")), [seeds.SANDER.encode()]),
        "mask": (
            of_text(lambda text: select_atoms(peptide, text)),
            [mask.encode() for mask in seeds.MASKS],
        ),
        "settings": (
            of_text(lambda text: HydrationConfig.from_yaml(text, source="x")),
            [RUN.encode()],
        ),
        "mdin": (of_file(read_md_settings), [seeds.MDIN.encode()]),
        "coordinates": (of_file(read_coordinates), [RESTART.encode()]),
        "table": (of_file(lambda file: read_rows(file, {})), [seeds.TABLE.encode()]),
        "prmtop": (of_file(read_topology), [prmtop.read_bytes()]),
    }
    return known[name]
