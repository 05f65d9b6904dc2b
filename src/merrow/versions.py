# SPDX-License-Identifier: MIT
"""Versions of the programs and packages behind a result."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

from merrow.ambertools.programs import version as ambertools_version
from merrow.errors import MerrowError

PACKAGES = (
    "merrow",
    "openmm",
    "torch",
    "pymbar",
    "alchemlyb",
    "rdkit",
    "ParmEd",
    "numpy",
)


def versions() -> dict[str, str]:
    """Return the versions of all programs that a result depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    try:
        found["AmberTools"] = ambertools_version()
    except MerrowError:
        found["AmberTools"] = "not found"
    return found
