# SPDX-License-Identifier: MIT
"""The states of a path, and their quadrature weights.

A path starts at its coupled end: the charges are switched off at full LJ (leg "charging"), then LJ
without charges (leg "lj"). Weights are for ∫dλ from decoupled to coupled.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from merrow.errors import InputError
from merrow.samples import Array, IntArray, LambdaState

Rule = Literal["trapezoid", "gauss-legendre"]

COMPONENT = {"charging": 0, "lj": 1}
"""Leg → column of dV/dλ, and field of `LambdaState`, that changes along it."""
NODE_TOLERANCE = 1e-4
"""Tolerance of λ from its Gauss-Legendre node."""


def gauss_legendre(n: int) -> tuple[Array, Array]:
    """Return nodes (descending) and weights of n-point Gauss–Legendre quadrature on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(n)
    return (x[::-1] + 1.0) / 2.0, w[::-1] / 2.0


def legs(states: Sequence[LambdaState]) -> dict[str, IntArray]:
    """Return the indices of the states on each leg, both ends included, coupled end first.

    Raises:
        InputError: The states do not decrease along charges first, then LJ.
    """
    for i, ((elec, lj), (next_elec, next_lj)) in enumerate(pairwise(states)):
        charging = lj == next_lj and elec > next_elec
        if not (charging or (elec == next_elec == 0.0 and lj > next_lj)):
            raise InputError(
                f"states {i} ({elec}, {lj}) and {i + 1} ({next_elec}, {next_lj}) of the schedule "
                "are not a step of a path; list (elec, lj) from coupled to decoupled, charges to 0 "
                "first, then lj."
            )
    steps = [0 if a.lambda_sterics == b.lambda_sterics else 1 for a, b in pairwise(states)]
    found = {}
    for name, component in COMPONENT.items():
        first = [i for i, step in enumerate(steps) if step == component]
        if first:
            found[name] = np.arange(first[0], first[-1] + 2)
    return found


def weights(states: Sequence[LambdaState], rule: Rule) -> Array:
    """Return the quadrature weights of ∂V/∂λ_elec and ∂V/∂λ_sterics in each state.

    The free energy decoupled → coupled is Σ_k Σ_c weights[k, c] ⟨∂V/∂λ_c⟩_k. With
    "gauss-legendre" λ = 0 and 1 have zero weight; all other states of a leg must be its nodes.

    Args:
        states: A path, coupled end first.
        rule: Name of the quadrature.

    Returns:
        Weights, shape (K, 2).

    Raises:
        InputError: The states are no path or not the nodes of the rule, or the rule is unknown.
    """
    if rule not in ("trapezoid", "gauss-legendre"):
        raise InputError(f"quadrature {rule!r} is unknown; use 'trapezoid' or 'gauss-legendre'.")
    result = np.zeros((len(states), 2))
    for name, index in legs(states).items():
        component = COMPONENT[name]
        lam = np.array([states[i][component] for i in index])
        if rule == "trapezoid":
            half = (lam[:-1] - lam[1:]) / 2.0
            result[index[:-1], component] += half
            result[index[1:], component] += half
        else:
            inside = (lam > 0.0) & (lam < 1.0)
            result[index[inside], component] = gauss_legendre_weights(name, lam[inside])
    return result


def gauss_legendre_weights(leg: str, inner: ArrayLike) -> Array:
    """Return the weights of the inner states of a leg, which must be Gauss-Legendre nodes.

    Args:
        leg: Name of the leg in messages.
        inner: λ of its states between 0 and 1, descending.

    Raises:
        InputError: They are not the nodes of the rule with that number of points.
    """
    lam = np.asarray(inner, dtype=np.float64)
    nodes, w = gauss_legendre(len(lam)) if len(lam) else (lam, lam)
    if not len(lam) or np.abs(nodes - lam).max() > NODE_TOLERANCE:
        told = f" (for {len(lam)} of them: {', '.join(f'{node:.5f}' for node in nodes)})"
        raise InputError(
            f"{leg} between 0 and 1 must be Gauss-Legendre nodes with rule gauss-legendre"
            f"{told if len(lam) else ''}; or use rule trapezoid."
        )
    return w
