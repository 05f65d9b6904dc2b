# SPDX-License-Identifier: MIT
"""A plug-in: the tiny ANI of the tests as the potential `tiny-ani`, in every process.

The tests put this folder on the path of Python; `merrow_tiny_ani-1.0.dist-info` is what an
installation would write beside it.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from merrow.potentials import Molecule, Potential
from merrow.potentials.ani.models import AniModel
from merrow.potentials.ani.parameters import AniParameters

WEIGHTS = Path(__file__).resolve().parents[1] / "data" / "tiny_ani.pt"
MODEL = AniModel(
    name="tiny-ani",
    elements=(1, 6, 7, 8),
    level_of_theory="GAFF2, learnt for tests",
    citation="",
    digest=json.loads(WEIGHTS.with_suffix(".json").read_text())["digest"],
    radial_cutoff=5.2,
    angular_cutoff=3.5,
    methane_hartree=0.0,
    urls=(),
    ensemble_size=4,
)


@cache
def read_tiny() -> AniParameters:
    """Return what is in `tiny_ani.pt`, after its hash was checked."""
    from merrow.potentials.ani.weights import read_verified  # noqa: PLC0415  (torch)

    return read_verified(WEIGHTS, MODEL)


def make(molecule: Molecule, weights: Path | None, precision: str) -> Potential:
    """Return the potential of one molecule; it takes no other weights."""
    from merrow.potentials.ani.potential import ani_potential  # noqa: PLC0415  (torch)

    return ani_potential(MODEL, read_tiny(), molecule, precision)


make.capabilities = MODEL.capabilities  # type: ignore[attr-defined]
make.level_of_theory = MODEL.level_of_theory  # type: ignore[attr-defined]
make.license = "MIT"  # type: ignore[attr-defined]
