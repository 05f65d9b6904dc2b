# SPDX-License-Identifier: MIT
"""The published AIMNet2 ensembles, with their hashes and where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merrow.potentials.interface import Capabilities

ELEMENTS: Final = frozenset({1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 33, 34, 35, 53})
N_MEMBERS: Final = 4


@dataclass(frozen=True)
class AimModel:
    """One published ensemble: name, file name, SHA-256 of the file, level of theory, licence."""

    name: str
    file_name: str
    digest: str
    level_of_theory: str
    license: str = "MIT"

    @property
    def capabilities(self) -> Capabilities:
        """What the ensemble can be asked: closed shells, ions among them."""
        return Capabilities(
            name=self.name,
            elements=ELEMENTS,
            charged=True,
            dtype="float32",
            ensemble_size=N_MEMBERS,
            citation="10.1039/D4SC08572H",
        )


_MODELS = (
    AimModel(
        "aimnet2",
        "aimnet2_wb97m-d3_ens.jpt",
        "2e8a700893d08c7f982b78e7372d3cf95a480b5d46116f97122b7f20a03c9d88",
        "ωB97M-D3(BJ)/def2-TZVPP",
    ),
    AimModel(
        "aimnet2-b973c",
        "aimnet2_b973c_ens.jpt",
        "730048052fdb5754faa56c2d60ccaa68b722710b2731470eedca818f1ede56df",
        "B97-3c",
    ),
)
AIM_MODELS: Final = {model.name: model for model in _MODELS}
