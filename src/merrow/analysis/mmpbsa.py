# SPDX-License-Identifier: MIT
"""Interaction entropy of binding from the energies of frames."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from merrow.samples import Array
from merrow.uncertainty import jackknife_variance

BLOCKS = 5
"""Number of blocks of the jackknife."""

TRUSTED, LARGEST = 3.6, 6.0
"""Standard deviation of the interaction energy [kcal/mol] up to which the exponential average
converges, and above which not even the second cumulant does; Ekberg and Ryde,
doi:10.1021/acs.jctc.1c00374."""


@dataclass(frozen=True)
class InteractionEntropy:
    """The entropy of binding from fluctuations of the interaction energy, −TΔS [kcal/mol].

    Attributes:
        value: −TΔS, or None if refused.
        stderr: One standard error by a jackknife over blocks, or None.
        sigma: Standard deviation of the interaction energy [kcal/mol].
        how: "exponential", "second cumulant", or "refused".
    """

    value: float | None
    stderr: float | None
    sigma: float
    how: Literal["exponential", "second cumulant", "refused"]


def interaction_entropy(energy: Array, kt: float) -> InteractionEntropy:
    """Return −TΔS = kT ln⟨exp(β(E − ⟨E⟩))⟩ if it can converge.

    Above σ = 3.6 kcal/mol the second cumulant σ²/2kT is used instead; above 6.0 kcal/mol the value
    is refused.

    Args:
        energy: Interaction energy of each frame of one trajectory [kcal/mol], shape (F,).
        kt: Thermal energy [kcal/mol].

    Reference:
        Duan, Liu and Zhang, doi:10.1021/jacs.6b02682.
    """
    sigma = float(energy.std(ddof=1))
    if sigma > LARGEST:
        return InteractionEntropy(None, None, sigma, "refused")
    exponential = sigma <= TRUSTED

    def of(values: Array) -> float:
        if not exponential:
            return float(values.var(ddof=1)) / (2.0 * kt)
        scaled = (values - values.mean()) / kt
        top = float(scaled.max())
        return kt * (top + math.log(float(np.exp(scaled - top).mean())))

    spread = math.sqrt(float(jackknife_variance(np.array_split(energy, BLOCKS), of)))
    how: Literal["exponential", "second cumulant"] = (
        "exponential" if exponential else "second cumulant"
    )
    return InteractionEntropy(of(energy), spread, sigma, how)
