# SPDX-License-Identifier: MIT
"""Link atoms: a hydrogen on each covalent bond cut by the ML region.

A link atom has no degrees of freedom: it lies on the bond from the ML atom Q to its MM partner M,
at a fixed distance from Q (1.09 Å, sander's `lnk_dis`). Its force is distributed to Q and M by the
chain rule, so that forces are gradients of the energy without net force or torque.

Every bonded term, CMAP and 1-4 pair with at least one MM atom, including the bond Q-M itself, and
all charges of the prmtop remain MM; the formal charge of the capped region is the integer nearest
to the sum of its prmtop charges. Only single bonds between two carbons with four neighbours can
be cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from merrow.amber.topology import AmberTopology, atom_label
from merrow.errors import NumericsError, UnsupportedPhysicsError
from merrow.potentials.device import device_of
from merrow.potentials.ensemble import member_forces
from merrow.potentials.interface import Array, Capabilities, Evaluation, Potential

LINK_DISTANCE = 1.09
"""Length of a C-H bond [Å]."""
HYDROGEN = 1
CARBON, NEIGHBOURS = 6, 4

Link = tuple[int, int]
"""Indices of the ML atom Q and the MM atom M of a cut bond."""


def find_links(topology: AmberTopology, atoms: Sequence[int], *, name: str) -> tuple[Link, ...]:
    """Return the bonds (Q, M) that a region cuts, sorted.

    Args:
        topology: The whole system.
        atoms: Indices of the region.
        name: Name of the region in messages.

    Raises:
        UnsupportedPhysicsError: A cut bond is not a C-C single bond, or an MM atom would have two
            link atoms.
    """
    chosen = frozenset(atoms)
    around: dict[int, int] = {}
    for pair in topology.bonds:
        for atom in pair:
            around[atom] = around.get(atom, 0) + 1
    links = []
    for i, j in topology.bonds:
        if (i in chosen) == (j in chosen):
            continue
        if any(topology.numbers[a] != CARBON or around[a] != NEIGHBOURS for a in (i, j)):
            raise UnsupportedPhysicsError(
                f"{name} in {topology.path.name} cuts the bond {atom_label(topology, i)}-"
                f"{atom_label(topology, j)}; link atoms are for single bonds between two carbons "
                "with four neighbours, such as CA-CB: move the cut there."
            )
        links.append((i, j) if i in chosen else (j, i))
    partners = [outside for _, outside in links]
    for outside in partners:
        if partners.count(outside) > 1:
            raise UnsupportedPhysicsError(
                f"{name} in {topology.path.name} cuts two bonds of {atom_label(topology, outside)},"
                " whose link atoms would lie on each other; take that atom into the region."
            )
    return tuple(sorted(links))


class LinkedPotential:
    """A potential of the capped region as a function of the region and its MM partners.

    Positions are those of the n atoms of the region, then of the MM atom of each link; the inner
    potential is for the n atoms and one hydrogen per link.
    """

    def __init__(self, inner: Potential, n_atoms: int, inside: Sequence[int]) -> None:
        """Cap a region.

        Args:
            inner: Potential of n_atoms + len(inside) atoms.
            n_atoms: Number of atoms of the region.
            inside: Local index of the ML atom of each link.
        """
        self._inner, self._n, self._inside = inner, n_atoms, np.array(inside, dtype=np.int64)

    @property
    def capabilities(self) -> Capabilities:
        """Capabilities of the inner potential."""
        return replace(self._inner.capabilities)

    @property
    def identity(self) -> str:
        """Identity of the inner potential, with the link positions."""
        return f"{self._inner.identity}+H{','.join(map(str, self._inside.tolist()))}"

    @property
    def device(self) -> str:
        """Device of the inner potential."""
        return device_of(self._inner)

    def evaluate(self, positions: Array) -> Evaluation:
        """Return energies and forces of positions [Å], shape (R, n + links, 3).

        Raises:
            NumericsError: An ML atom and its MM partner coincide.
        """
        capped, axis, length = self._capped(positions)
        answer = self._inner.evaluate(capped)
        forces = self._handed_on(answer.forces, axis, length)
        return replace(answer, forces=forces, charges=None)

    def member_forces(self, positions: Array) -> Array | None:
        """Return the forces of each member [kcal/mol/Å], shape (R, M, n + links, 3), or None.

        Raises:
            NumericsError: An ML atom and its MM partner coincide.
        """
        capped, axis, length = self._capped(positions)
        forces = member_forces(self._inner, capped)
        return None if forces is None else self._handed_on(forces, axis[:, None], length[:, None])

    def _capped(self, positions: Array) -> tuple[Array, Array, Array]:
        """Return positions with link atoms [Å], and axis and length [Å] of each cut bond."""
        own, outside = positions[:, : self._n], positions[:, self._n :]
        anchor = own[:, self._inside]
        bond = outside - anchor
        length = np.linalg.norm(bond, axis=-1, keepdims=True)
        if not np.all(length > 0):
            raise NumericsError("the two atoms of a bond with a link atom lie on each other.")
        axis = bond / length
        return np.concatenate([own, anchor + LINK_DISTANCE * axis], axis=1), axis, length

    def _handed_on(self, forces: Array, axis: Array, length: Array) -> Array:
        """Return forces (…, n + links, 3) with those on link atoms distributed to Q and M."""
        on_links = forces[..., self._n :, :]
        across = on_links - axis * np.sum(axis * on_links, axis=-1, keepdims=True)
        on_partners = LINK_DISTANCE / length * across
        out = np.concatenate([forces[..., : self._n, :], on_partners], axis=-2)
        for k, atom in enumerate(self._inside):  # two links may share an ML atom
            out[..., atom, :] += on_links[..., k, :] - on_partners[..., k, :]
        return out
