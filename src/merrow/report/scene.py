# SPDX-License-Identifier: MIT
"""Interactive view of a molecule in a page, drawn by `scene.js` on a canvas."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from merrow.report.html import script

MOST_FRAMES: Final = 100
MOST_PLACES: Final = 120_000
"""Maximum of atoms times frames in a page: about a megabyte."""
RESOLUTION: Final = 0.001
"""Rounding of positions [Å], unless sixteen bits need a coarser one."""
COLOURS: Final = {
    **{0: "#8a949d", 1: "#c3ccd2", 6: "#78838c", 7: "#3a63d8", 8: "#d7332b", 9: "#3fae49"},
    **{15: "#d97a1a", 16: "#d3a915", 17: "#2f9e44", 35: "#96422b", 53: "#7a3fa0"},
}
OTHER: Final = "#b0568f"
RADII: Final = {0: 0.30, 1: 0.24}
RADIUS: Final = 0.40
"""Radius of a ball [Å]; smaller for hydrogen and for an alpha carbon of a chain trace."""


@dataclass(frozen=True, eq=False)
class Scene:
    """Atoms and bonds in one or more frames.

    Attributes:
        numbers: Atomic numbers, length N; 0 is an alpha carbon that represents its residue.
        bonds: Pairs of atoms.
        frames: Positions [Å], shape (F, N, 3), superposed.
        labels: Label of each frame, length F.
        colours: Colours of some atoms, such as "#3a63d8"; others have element colours.
    """

    numbers: Sequence[int]
    bonds: Sequence[tuple[int, int]]
    frames: NDArray[np.float64]
    labels: Sequence[str]
    colours: dict[int, str]


@dataclass(frozen=True)
class View:
    """Data of an interactive view for a template.

    Attributes:
        data: Data for `scene.js`.
        labels: Label of each shown frame.
    """

    data: str
    labels: tuple[str, ...]


def view_of(scene: Scene) -> View:
    """Return the view of a scene, with at most a hundred evenly spaced frames."""
    n_frames, n_atoms = scene.frames.shape[:2]
    most = max(1, min(MOST_FRAMES, MOST_PLACES // n_atoms))
    stride = -(-n_frames // most)
    frames = scene.frames[::stride]
    places = (frames - frames.mean(axis=(0, 1))) @ _axes(frames[0])
    unit = max(RESOLUTION, float(np.abs(places).max()) / np.iinfo(np.int16).max)
    content = {
        "unit": unit,
        "atoms": n_atoms,
        "places": base64.b64encode(np.rint(places / unit).astype("<i2").tobytes()).decode(),
        "bonds": [list(pair) for pair in scene.bonds],
        "radii": [RADII.get(number, RADIUS) for number in scene.numbers],
        "colours": [
            scene.colours.get(i, COLOURS.get(number, OTHER))
            for i, number in enumerate(scene.numbers)
        ],
        "labels": list(scene.labels[::stride]),
    }
    return View(json.dumps(content, separators=(",", ":")), tuple(scene.labels[::stride]))


def _axes(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the principal axes of atoms as columns, longest first, right-handed."""
    rows = np.linalg.svd(positions - positions.mean(axis=0), full_matrices=False)[2]
    if rows.shape != (3, 3):  # one atom or two
        return np.eye(3)
    rows[2] = np.cross(rows[0], rows[1])
    return rows.T


def view_script(view: View | None) -> str:
    """Return the script of a page with a view; "" without one."""
    return "" if view is None else script("report/scene.js")
