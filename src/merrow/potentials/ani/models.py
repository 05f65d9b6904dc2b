# SPDX-License-Identifier: MIT
"""The published ANI models, with their hashes and sources."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merrow.potentials.interface import Capabilities


@dataclass(frozen=True)
class AniModel:
    """Description of a published model.

    Attributes:
        name: Name on the command line.
        elements: Atomic numbers in the order of the networks.
        level_of_theory: Level of theory of the training data.
        citation: DOI of the paper.
        digest: SHA-256 of the canonical tensor content (`AniParameters.digest`).
        radial_cutoff, angular_cutoff: Cutoff radii [Å], which a state dict lacks.
        methane_hartree: Energy of `METHANE` [Hartree].
        urls: Official addresses of the state dict, as in torchani 2.9.
        wheel_folder: Folder in the wheel of torchani 2.0, or None.
        ensemble_size: Number of networks.
        license: Licence of the weights.
    """

    name: str
    elements: tuple[int, ...]
    level_of_theory: str
    citation: str
    digest: str
    radial_cutoff: float
    angular_cutoff: float
    methane_hartree: float
    urls: tuple[str, ...]
    wheel_folder: str | None = None
    ensemble_size: int = 8
    license: str = "MIT"

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities: neutral closed-shell molecules."""
        return Capabilities(
            name=self.name,
            elements=frozenset(self.elements),
            dtype="float32",
            ensemble_size=self.ensemble_size,
            citation=self.citation,
        )

    @property
    def file_name(self) -> str:
        """Name of the state dict, the same in every folder."""
        return f"{self.name}_state_dict.pt"


WHEEL: Final = "torchani==2.0"
WHEEL_SHA256: Final = "87db70affc847c3aa26081607166580a6e6b01f33e09218e2c5b26f66b45ed89"

METHANE: Final[tuple[tuple[int, tuple[float, float, float]], ...]] = (
    (6, (-0.034726, 0.008693, 0.023426)),
    (1, (-0.697102, -0.313624, -0.744290)),
    (1, (0.137266, 1.107125, 0.029372)),
    (1, (-0.335253, -0.265728, 0.954431)),
    (1, (0.966999, -0.415549, -0.243515)),
)
"""Atomic numbers and positions [Å] of a distorted methane.

Its energies in `ANI_MODELS` are from torchani 2.9.0 with torch 2.13.0 on a CPU: mean of 8 networks,
float64 arithmetic with the float32 weights, including self energies.
"""


def _urls(name: str) -> tuple[str, ...]:
    file_name = f"{name}_state_dict.pt"
    return (
        f"https://huggingface.co/roitberg-group/{name}/resolve/main/{file_name}",
        f"https://github.com/roitberg-group/torchani_model_zoo/releases/download/v0.1/{file_name}",
    )


_MODELS = (
    AniModel(
        name="ani1x",
        elements=(1, 6, 7, 8),
        level_of_theory="ωB97X/6-31G(d)",
        citation="10.1063/1.5023802",
        digest="82534b24402045f8c28d990d6fc837189253104e5c31d12e1410f2a96d351013",
        radial_cutoff=5.2,
        angular_cutoff=3.5,
        methane_hartree=-40.492749946804146,
        urls=_urls("ani1x"),
        wheel_folder="ani-1x_8x",
    ),
    AniModel(
        name="ani1ccx",
        elements=(1, 6, 7, 8),
        level_of_theory="CCSD(T)*/CBS, transferred from ωB97X/6-31G(d)",
        citation="10.1038/s41467-019-10827-4",
        digest="bbee7b20d0ef6bdab29465137460443d5a5f9aa632e2eaee23265c5ad7cce9e6",
        radial_cutoff=5.2,
        angular_cutoff=3.5,
        methane_hartree=-40.458232674394985,
        urls=_urls("ani1ccx"),
        wheel_folder="ani-1ccx_8x",
    ),
    AniModel(
        name="ani2x",
        elements=(1, 6, 7, 8, 16, 9, 17),
        level_of_theory="ωB97X/6-31G(d)",
        citation="10.1021/acs.jctc.0c00121",
        digest="afae5c656b30887b4d518e58c4c68cf9c6679dac40ab99f6d98537beb0fa8ee6",
        radial_cutoff=5.1,
        angular_cutoff=3.5,
        methane_hartree=-40.492432165966406,
        urls=_urls("ani2x"),
    ),
)
ANI_MODELS: Final = {model.name: model for model in _MODELS}
