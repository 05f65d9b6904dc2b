# SPDX-License-Identifier: MIT
"""The MACE models known by name, with their hashes and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merrow.potentials.interface import Capabilities

ELEMENTS: Final = frozenset({1, 6, 7, 8, 9, 15, 16, 17, 35, 53})
"""H, C, N, O, F, P, S, Cl, Br, I: all elements of MACE-OFF."""

LICENSE: Final = "Academic Software License (ASL): no commercial use"
PAPER: Final = "10.1021/jacs.4c07099"


@dataclass(frozen=True)
class MaceModel:
    """What is known about one published model.

    Attributes:
        name: Name on the command line.
        file_name: Name of its file, the same in every folder.
        urls: Official addresses of the file.
        sha256: SHA-256 of the file's bytes, or None where we know of none. The publishers print
            no hashes: these are the ones that several projects, independent of each other, have
            written down for the files that they downloaded. A model without one is never
            downloaded, and any file of its name is taken.
        level_of_theory: What it was fitted to.
        citation: DOI of the paper.
        license: Licence of the weights.
    """

    name: str
    file_name: str
    urls: tuple[str, ...]
    sha256: str | None
    level_of_theory: str = "ωB97M-D3(BJ)/def2-TZVPPD"
    citation: str = PAPER
    license: str = LICENSE

    @property
    def capabilities(self) -> Capabilities:
        """What the model can be asked: neutral molecules with closed shells."""
        return Capabilities(
            name=self.name, elements=ELEMENTS, dtype="float32", citation=self.citation
        )


def _off(name: str, path: str, sha256: str | None) -> MaceModel:
    url = f"https://raw.githubusercontent.com/ACEsuit/mace-off/main/{path}"
    return MaceModel(name, path.rpartition("/")[2], (url,), sha256)


_MODELS = (
    _off(
        "mace-off23-small",
        "mace_off23/MACE-OFF23_small.model",
        "165cce4cfec5a34b9c64d4ebf95de15d71106bb584b7291c8470f0749977c46f",
    ),
    _off(
        "mace-off23-medium",
        "mace_off23/MACE-OFF23_medium.model",
        "4842c52ad210d6e1f84d6cf1ffa70fae25a7e0d755ed55cf223f43913f587db7",
    ),
    _off(
        "mace-off23-large",
        "mace_off23/MACE-OFF23_large.model",
        "a29e397dbf3e7a24ac50a9b0dfc919bd5a62efa346f5895a6237b0950c1d76f4",
    ),
    _off("mace-off23b-medium", "mace_off23/MACE-OFF23b_medium.model", None),
    _off(
        "mace-off24-medium",
        "mace_off24/MACE-OFF24_medium.model",
        "e5ccf5837f685899811a68754e7c994393bfd1a81720393b03c643b46c70bc69",
    ),
)
MACE_MODELS: Final = {model.name: model for model in _MODELS}
