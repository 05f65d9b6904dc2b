# SPDX-License-Identifier: MIT
"""What does a comparison of potentials look like? Its rows as a picture in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from merrow.bench.errors import Agreement
from merrow.bench.figure import ModelErrors, model_figure
from merrow.errors import InputError
from merrow.files import write_whole


def check_plot(path: Path) -> None:
    """Refuse a place for a picture before anything is computed.

    Raises:
        InputError: It is no .svg, or it has no folder.
    """
    if path.suffix.lower() != ".svg":
        raise InputError(f"--plot {path}: pictures are SVG; give a name that ends in .svg.")
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"--plot {path} cannot be written; make its folder, or rename it.")


def plot_agreement(rows: Sequence[Agreement], reference: str, path: Path) -> None:
    """Write the picture of a comparison.

    Args:
        rows: The potentials; those with a problem are left out.
        reference: Name of the reference.
        path: File of the SVG.

    Raises:
        InputError: No potential could be compared, so that there is nothing to draw.
    """
    models = [
        ModelErrors(
            row.name,
            row.ms or 0.0,
            row.errors.energies,
            np.linalg.norm(row.errors.forces, axis=-1).ravel(),
            row.errors.spread,
        )
        for row in rows
        if row.errors is not None
    ]
    if not models:
        raise InputError(
            f"there is nothing to draw in {path}: no potential could be compared with {reference}."
        )
    write_whole(path, model_figure(models, reference))
