# SPDX-License-Identifier: MIT
"""Fixtures that every test may use: where the shared data lie, and one thread."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENMM_CPU_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("TORCHANI_NO_WARN_EXTENSIONS", "1")
os.environ.pop("MODEL_PATH", None)  # it would choose another model for mlp_model=0

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of models and data that tests compare with; the package never needs it."""
    folder = Path(os.environ.get("MERROW_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no shared data: set MERROW_SHARED to a folder with models/ and data/")
    return folder


@pytest.fixture(scope="session")
def freesolv(shared: Path) -> Path:
    """FreeSolv's own gas-phase GAFF files."""
    return shared / "data" / "freesolv"
