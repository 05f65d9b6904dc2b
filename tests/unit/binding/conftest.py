# SPDX-License-Identifier: MIT
"""The helix of a deposited file, for tests that write it in other ways."""

from __future__ import annotations

import pytest


@pytest.fixture
def peptide(systems):
    """Return the ATOM lines of a helix of 17 residues in chain A, 301 to 317."""
    lines = (systems / "helix.pdb").read_text().splitlines()
    return [line for line in lines if line.startswith("ATOM") and line[16] in " A"]
