# SPDX-License-Identifier: MIT
"""Contributions of free states to a binding energy: strain, and three-trajectory differences."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from merrow.samples import Array
from merrow.uncertainty import Mean, mean

Terms = Mapping[str, Array]
"""Energy terms [kcal/mol] of each frame, by AMBER's names."""

INTERNAL: Final = ("BOND", "ANGLE", "DIHED", "UB", "IMP", "CMAP", "1-4 VDW", "1-4 EEL")
"""Terms that cancel in the one-trajectory approach."""
GAS: Final = (*INTERNAL, "VDWAALS", "EEL")
ML: Final = "E_ML"
LARGEST_ERROR: Final = 0.5
"""Standard error of the strain [kcal/mol] above which it stays out of the headline."""


@dataclass(frozen=True)
class Difference:
    """A difference of independent means and its standard error [kcal/mol]."""

    value: float
    stderr: float


@dataclass(frozen=True)
class Term:
    """An energy term in three ensembles, and complex − receptor − ligand [kcal/mol]."""

    complex: Mean
    receptor: Mean
    ligand: Mean
    difference: Difference


@dataclass(frozen=True)
class Strain:
    """Strain energy of the ligand: ⟨E + G solv⟩ bound − free [kcal/mol].

    Attributes:
        internal: Contribution of the internal energy, E_ML or MM.
        solvation: Contribution of G solv.
        total: Their sum.
        corrected: The binding energy of the complex's trajectory plus the strain.
    """

    internal: Difference
    solvation: Difference
    total: Difference
    corrected: Difference


def difference(one: Mean, *others: Mean) -> Difference:
    """Return one mean minus others; errors of independent trajectories add in quadrature."""
    value = one.value - sum(other.value for other in others)
    return Difference(value, math.hypot(one.stderr, *(other.stderr for other in others)))


def strain(delta: Array, bound: Terms, free: Terms, energies: tuple[Array, Array] | None) -> Strain:
    """Return the strain energy of the ligand.

    Args:
        delta: Binding energy of each frame of the complex, shape (F,).
        bound: Every term of the ligand in those frames.
        free: Every term of the ligand in its own trajectory.
        energies: E_ML in both, which replaces the ligand's MM energy; None keeps MM.
    """
    inside = energies or (bound["G gas"], free["G gas"])
    whole = [e + terms["G solv"] for e, terms in zip(inside, (bound, free), strict=True)]
    return Strain(
        internal=difference(*(mean(e) for e in inside)),
        solvation=difference(mean(bound["G solv"]), mean(free["G solv"])),
        total=difference(*(mean(e) for e in whole)),
        # frame by frame, since the ligand's strain and its binding energy are correlated
        corrected=difference(mean(delta + whole[0]), mean(whole[1])),
    )


def with_ml(
    whole: Terms, bound: Terms, free: Terms, energies: tuple[Array, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return terms of complex and free ligand with E_ML in place of the ligand's internal MM terms.

    These are its bonded terms and the nonbonded terms among its atoms. Interactions with the
    receptor and the solvent are kept.

    Args:
        whole: Every term of the complex.
        bound: Every term of the ligand in the same frames.
        free: Every term of the free ligand.
        energies: E_ML of the bound and the free ligand.
    """
    kept = {name: whole[name] - bound[name] for name in GAS if name in whole}
    gone = {name: np.zeros_like(free[name]) for name in kept}
    found = []
    for gas, terms, energy in ((kept, whole, energies[0]), (gone, free, energies[1])):
        inside = energy + np.sum(list(gas.values()), axis=0)
        sums = {"G gas": inside, "TOTAL": inside + terms["G solv"]}
        found.append({ML: energy, **{k: {**gas, **sums}.get(k, terms[k]) for k in terms}})
    return found[0], found[1]


def three_ensembles(whole: Terms, receptor: Terms, ligand: Terms) -> dict[str, Term]:
    """Return every term with its mean in each ensemble, omitting terms that are always zero."""
    found = {}
    for name in whole:
        series = [terms.get(name, np.zeros(2)) for terms in (whole, receptor, ligand)]
        if not any(np.any(values) for values in series):
            continue
        a, b, c = (mean(v) if np.any(v) else Mean(0.0, 0.0, 1.0, len(v)) for v in series)
        found[name] = Term(a, b, c, difference(a, b, c))
    return found
