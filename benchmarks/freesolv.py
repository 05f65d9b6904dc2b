# SPDX-License-Identifier: MIT
"""Where does FreeSolv keep a molecule, and how does a run take it from there?"""

from __future__ import annotations

from pathlib import Path

from merrow.hydration.config import Source


def gaff(data: Path, name: str) -> Source:
    """Return FreeSolv's own GAFF prmtop and coordinates of a molecule, charges as they are.

    Args:
        data: Folder with amber_gaff/.
        name: mobley_N.
    """
    stem = data.resolve() / "amber_gaff" / name
    return Source(kind="gas", prmtop=f"{stem}.prmtop", inpcrd=f"{stem}.inpcrd", charges="prmtop")
