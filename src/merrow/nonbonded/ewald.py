# SPDX-License-Identifier: MIT
"""Direct-space Ewald terms as polynomials: erfc(αr)/r = 1/r − α Q(αr), with Q(x) = erf(x)/x.

A polynomial in r² needs no table and no exponential. It is fitted at the Chebyshev points of
u = 2 r²/r_c² − 1, so its maximum error is nearly optimal.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

Array = NDArray[np.float64]

DEGREE = 12
"""Degree of the polynomials, fixed in the kernel."""
POINTS = 400
LARGEST_ERROR = 4e-7
"""Tolerance of either polynomial relative to its maximum: a few float32 roundings."""


@cache
def correction_polynomials(alpha: float, cutoff: float) -> tuple[Array, Array]:
    """Return the coefficients in u of −8 α³ P and −2 α Q, with P = −2 dQ/d(x²).

    Args:
        alpha: Ewald coefficient [1/nm].
        cutoff: Direct-space cutoff [nm].
    """
    u = np.cos(np.pi * (np.arange(POINTS) + 0.5) / POINTS)
    force, energy = _exact(u, alpha, cutoff)
    return _fitted(u, force), _fitted(u, energy)


def fit_error(alpha: float, cutoff: float) -> float:
    """Return the largest error of the two polynomials relative to their maxima."""
    u = np.linspace(-1.0, 1.0, 1001)
    pairs = zip(correction_polynomials(alpha, cutoff), _exact(u, alpha, cutoff), strict=True)
    value = np.polynomial.polynomial.polyval
    return max(float(np.abs(value(u, c) - y).max() / np.abs(y).max()) for c, y in pairs)


def _fitted(u: Array, values: Array) -> Array:
    fit = np.polynomial.chebyshev
    return np.asarray(fit.cheb2poly(fit.chebfit(u, values, DEGREE)))


def _exact(u: Array, alpha: float, cutoff: float) -> tuple[Array, Array]:
    s = np.maximum((u + 1) / 2, 0.0) * (alpha * cutoff) ** 2
    small = s < 0.02  # where the closed forms cancel, the truncated series is exact to rounding
    x = np.sqrt(np.where(small, 1.0, s))
    root = 2 / math.sqrt(math.pi)
    terms = [(-s) ** k / math.factorial(k) for k in range(9)]
    q = np.where(small, root * sum(t / (2 * k + 1) for k, t in enumerate(terms)), erf(x) / x)
    series = root * sum(2 * t / (2 * k + 3) for k, t in enumerate(terms))
    p = np.where(small, series, (q - root * np.exp(-s)) / np.where(small, 1.0, s))
    return -8 * alpha**3 * p, -2 * alpha * q
