# SPDX-License-Identifier: MIT
"""The family of MACE models."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from merrow.potentials.families import Family, Model
from merrow.potentials.interface import Capabilities, Molecule, Potential
from merrow.potentials.mace.weights import LICENSE, MACE_WEIGHTS, file_of

ELEMENTS: Final = frozenset({1, 6, 7, 8, 9, 15, 16, 17, 35, 53})
"""H, C, N, O, F, P, S, Cl, Br, I: all elements of MACE-OFF."""


def _load(name: str, molecule: Molecule, weights: Path | None, precision: str) -> Potential:
    # torch is imported only when a potential is loaded
    from merrow.potentials.mace.potential import load_mace  # noqa: PLC0415

    return load_mace(name, molecule, weights, precision)


def _describe(name: str) -> Model:
    from merrow.potentials.mace.files import read_mace  # noqa: PLC0415
    from merrow.potentials.mace.potential import file_capabilities  # noqa: PLC0415

    known = file_capabilities(name, read_mace(file_of(name)))
    return Model(known, "what its author fitted it to", "what its author says", "a file of yours")


def _verdict(name: str, path: Path) -> str:
    """Describe whether a hash is known, and the content of the file."""
    known = "hash right" if MACE_WEIGHTS[name].sha256 else "no hash of it is known"
    return f"{known}, content {MACE_WEIGHTS[name].read(path).digest}"


FAMILY: Final = Family(
    models={
        name: Model(
            Capabilities(name, ELEMENTS, dtype="float32", citation="10.1021/jacs.4c07099"),
            "ωB97M-D3(BJ)/def2-TZVPPD",
            LICENSE,
            "GitHub of the MACE authors, or the cache of mace-torch",
        )
        for name in MACE_WEIGHTS
    },
    load=_load,
    generic="mace:FILE",
    describe=_describe,
    takes_file=True,
    weights=MACE_WEIGHTS,
    verdict=_verdict,
)
