# SPDX-License-Identifier: MIT
"""What do the free states add to a binding energy? Strain, and differences of three ensembles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from merrow.samples import Array
from merrow.uncertainty import Mean, mean

Terms = Mapping[str, Array]
"""Energy terms [kcal/mol] of each frame, with AMBER's names."""

INTERNAL: Final = ("BOND", "ANGLE", "DIHED", "UB", "IMP", "CMAP", "1-4 VDW", "1-4 EEL")
"""Terms that cancel where one trajectory serves all species."""
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
    """One energy term in three ensembles, and complex − receptor − ligand [kcal/mol]."""

    complex: Mean
    receptor: Mean
    ligand: Mean
    difference: Difference


@dataclass(frozen=True)
class Strain:
    """What the ligand pays for its bound shape: ⟨E + G solv⟩ bound − free [kcal/mol].

    Attributes:
        internal: Share of its own energy, E_ML or that of the force field.
        solvation: Share of G solv.
        total: Their sum.
        corrected: The binding energy of the complex's trajectory plus the strain.
    """

    internal: Difference
    solvation: Difference
    total: Difference
    corrected: Difference


def difference(one: Mean, *others: Mean) -> Difference:
    """Return one mean minus others; the errors of independent trajectories add as squares."""
    value = one.value - sum(other.value for other in others)
    return Difference(value, math.hypot(one.stderr, *(other.stderr for other in others)))


def strain(delta: Array, bound: Terms, free: Terms, energies: tuple[Array, Array] | None) -> Strain:
    """Return the strain of the ligand.

    Args:
        delta: Binding energy of each frame of the complex, shape (F,).
        bound: Every term of the ligand in those frames.
        free: Every term of the ligand in its own trajectory.
        energies: E_ML in both, which replaces the ligand's MM energy; None keeps that.
    """
    inside = energies or (bound["G gas"], free["G gas"])
    whole = [e + terms["G solv"] for e, terms in zip(inside, (bound, free), strict=True)]
    return Strain(
        internal=difference(*(mean(e) for e in inside)),
        solvation=difference(mean(bound["G solv"]), mean(free["G solv"])),
        total=difference(*(mean(e) for e in whole)),
        # frame by frame, since the ligand's shape and its binding energy go together
        corrected=difference(mean(delta + whole[0]), mean(whole[1])),
    )


def with_ml(
    whole: Terms, bound: Terms, free: Terms, energies: tuple[Array, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return terms of complex and free ligand in which E_ML replaces the ligand's own MM terms.

    Those are its bonded terms and the nonbonded ones among its atoms. What it exchanges with the
    receptor and with the solvent stays.

    Args:
        whole: Every term of the complex.
        bound: Every term of the ligand in the same frames.
        free: Every term of the free ligand.
        energies: E_ML of the ligand in the complex and free.
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
    """Return every term with its mean in each ensemble; what is zero in all three is left out."""
    found = {}
    for name in whole:
        series = [terms.get(name, np.zeros(2)) for terms in (whole, receptor, ligand)]
        if not any(np.any(values) for values in series):
            continue
        a, b, c = (mean(v) if np.any(v) else Mean(0.0, 0.0, 1.0, len(v)) for v in series)
        found[name] = Term(a, b, c, difference(a, b, c))
    return found
