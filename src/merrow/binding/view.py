# SPDX-License-Identifier: MIT
"""Interactive view of a complex: the chain through its CA, and every atom of the ligand."""

from __future__ import annotations

from itertools import pairwise

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

from merrow.amber.topology import AmberTopology, Array, IntArray
from merrow.analysis.rmsd import superposed
from merrow.binding.crystal import alpha_carbons
from merrow.binding.report.shape import MAP, limits
from merrow.errors import InputError
from merrow.report.scene import MOST_FRAMES, Scene, View, view_of
from merrow.trajectories import DryFrames


def complex_view(
    topology: AmberTopology, frames: DryFrames, ligand: IntArray, b_values: Array | None = None
) -> View:
    """Return a view of frames of a complex, superposed on the receptor.

    Without amino acids, for example for a host, all atoms are shown.

    Args:
        topology: The prmtop.
        frames: Its dry atoms.
        ligand: Atoms of the ligand; empty without one.
        b_values: B-factors of the CA [Å²], which colour the chain.
    """
    try:
        carbons = alpha_carbons(topology).atoms
    except InputError:
        carbons = ()
    own = set(ligand.tolist())
    shown = [*carbons, *ligand.tolist()] if carbons else frames.atoms.tolist()
    fit = np.array([k for k, i in enumerate(shown) if i not in own] or range(len(shown)))
    stride = -(-len(frames.times) // MOST_FRAMES)
    places = frames.positions[::stride][:, frames.local(shown)]
    n = len(carbons)
    chain = [
        (k, k + 1)
        for k, (i, j) in enumerate(pairwise(carbons))
        if topology.residue_index[j] - topology.residue_index[i] == 1
        and topology.molecule_index[j] == topology.molecule_index[i]
    ]
    inner = topology.bonds_among(shown[n:])
    return view_of(
        Scene(
            numbers=[0] * n + [topology.numbers[i] for i in shown[n:]],
            bonds=[*chain, *((n + i, n + j) for i, j in inner)],
            frames=superposed(places, places[0], fit),
            labels=[
                f"{time:g} ps" if frames.timed else f"frame {time + 1:g}"
                for time in frames.times[::stride]
            ],
            colours={} if b_values is None else _shades(b_values),
        )
    )


def _shades(b_values: Array) -> dict[int, str]:
    """Return the colour of each CA, as in the static figure of the chain."""
    colours = matplotlib.colormaps[MAP](limits(b_values)(b_values))
    return {k: to_hex(colour) for k, colour in enumerate(colours)}
