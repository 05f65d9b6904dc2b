# SPDX-License-Identifier: MIT
"""The named MACE models, with their hashes and sources."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from merrow.errors import InputError
from merrow.potentials.weights import Weights, from_nowhere, from_web

if TYPE_CHECKING:
    from merrow.potentials.mace.files import MaceParameters

PREFIX: Final = "mace:"
LICENSE: Final = "Academic Software License (ASL): no commercial use"
SITE: Final = "https://raw.githubusercontent.com/ACEsuit/mace-off/main"


def _off(name: str, path: str, sha256: str | None) -> Weights[MaceParameters]:
    source = from_web(f"{SITE}/{path}")
    if sha256 is None:
        source = from_nowhere("no hash of it is known, so it is never downloaded")
    return Weights(
        name,
        path.rpartition("/")[2],
        _read,
        (source,),
        LICENSE,
        sha256,
        alternative=f"use it under its own name with --potential {PREFIX}{{path}}",
        other_cache="mace",
    )


def _read(path: Path) -> MaceParameters:
    from merrow.potentials.mace.files import read_mace  # noqa: PLC0415  (torch)

    return read_mace(path)


_ALL = (
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
MACE_WEIGHTS: Final = {weights.model: weights for weights in _ALL}
"""Weights by name. The publishers give no hashes: these were recorded by several independent
projects for the files that they downloaded. A model without a hash is never downloaded, and any
file of its name is accepted."""


def file_of(name: str, weights: Path | None = None) -> Path:
    """Return FILE of "mace:FILE".

    Raises:
        InputError: FILE is missing, or the user also names another one.
    """
    text = name.removeprefix(PREFIX)
    if not text:
        raise InputError("mace: lacks its file; write mace:FILE with the path of a .model file.")
    if weights is not None:
        raise InputError(f"{name} names its file already; leave --weights {weights} out.")
    return Path(text).expanduser()
