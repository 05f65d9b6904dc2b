# SPDX-License-Identifier: MIT
"""BAR between the MM and the ML ensemble alone, for tests of the end-state free energy."""

from __future__ import annotations

import numpy as np

from merrow.free_energy.endstate import (
    EndStateEstimate,
    IntermediateEnsemble,
    endstate_free_energy,
)


def endstate_correction(
    d_mm: np.ndarray,
    d_ml: np.ndarray,
    *,
    temperature: float,
    groups_mm: np.ndarray | None = None,
    groups_ml: np.ndarray | None = None,
) -> EndStateEstimate:
    """Return F(ML) − F(MM) from E_ML − E_MM [kJ/mol] on frames of both ensembles."""
    ends = (
        IntermediateEnsemble(0.0, d_mm, groups_mm),
        IntermediateEnsemble(1.0, d_ml, groups_ml),
    )
    return endstate_free_energy(ends, temperature=temperature)
