# SPDX-License-Identifier: MIT
"""PDB file of one frame with B-factors of the trajectory, for molecular viewers."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Final

import numpy as np
import parmed

from merrow.amber.topology import AmberTopology, Array, IntArray
from merrow.files import atomic_write

LARGEST: Final = 999.99
"""Largest B-factor that the PDB column can hold [Å²]."""
CHAINS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def write_b_structure(
    path: Path, topology: AmberTopology, atoms: IntArray, positions: Array, b: Array
) -> None:
    """Write a frame as a PDB file; each molecule is a chain, residues are numbered as in the run.

    Args:
        path: The file.
        topology: The prmtop of the run.
        atoms: Indices of the atoms to write, ascending, shape (n,).
        positions: Their positions [Å], shape (n, 3).
        b: Their B-factors [Å²], shape (n,); values beyond the format's limit are capped.
    """
    chain_of = topology.molecule_index
    chains = {k: CHAINS[n % len(CHAINS)] for n, k in enumerate(np.unique(chain_of[atoms]))}
    structure = parmed.Structure()
    rows = zip(atoms.tolist(), positions.tolist(), b.tolist(), strict=True)
    for serial, (i, place, value) in enumerate(rows, start=1):
        residue = int(topology.residue_index[i])
        atom = parmed.Atom(
            atomic_number=topology.numbers[i],
            name=topology.names[i],
            bfactor=min(value, LARGEST),
            occupancy=1.0,
            number=serial,
        )
        atom.xx, atom.xy, atom.xz = place
        chain = chains[chain_of[i]]
        structure.add_atom(atom, topology.residue_names[residue], residue + 1, chain)
    for residue, following in itertools.pairwise(structure.residues):
        residue.ter = residue.chain != following.chain
    text = io.StringIO()
    structure.write_pdb(text, renumber=False, standard_resnames=True, write_links=False)
    atomic_write(path, text.getvalue())
