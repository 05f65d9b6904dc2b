# SPDX-License-Identifier: MIT
"""The reorganisation energy of the solute from all samples of a run, not only the end states.

Direct route: internal energies of all windows. Endpoint route: ML frames of both phases and
reweighted MM frames.
"""

from __future__ import annotations

import logging

import numpy as np

from merrow.engine.segments import GasFrames
from merrow.errors import NumericsError
from merrow.free_energy.expectation import (
    EndEnsemble,
    reorganization_mbar,
    reorganization_reweighted,
)
from merrow.free_energy.stored import Estimate
from merrow.hydration.analysis.estimate import HydrationAnalysis
from merrow.hydration.analysis.gather import SolvatedFrames
from merrow.units import KJ_PER_KCAL

logger = logging.getLogger(__name__)


def reorganization_from_all(found: HydrationAnalysis) -> Estimate | None:
    """Return ⟨E⟩ in water − ⟨E⟩ in gas [kcal/mol]; None if it cannot be computed.

    Args:
        found: The samples of the path and, in the endpoint route, of both end states.
    """
    if found.mm_ends is None or found.gas is None:
        try:
            return reorganization_mbar(found.samples, rows=found.rows)
        except NumericsError as error:
            logger.info("no MBAR mean of the internal energy: %s", error)
            return None
    water = _end_ensemble(found.mm_ends[0], found.water)
    gas = _end_ensemble(found.mm_ends[1], found.gas)
    if water is None or gas is None:
        return None
    df = found.ends["water"].value_kcal * KJ_PER_KCAL, found.ends["gas"].value_kcal * KJ_PER_KCAL
    return reorganization_reweighted(water, gas, df=df, temperature=found.samples.temperature)


def _end_ensemble(
    mm: SolvatedFrames | GasFrames, ml: SolvatedFrames | GasFrames
) -> EndEnsemble | None:
    """Return the energies of MM and ML frames of a phase; None if either potential is missing."""
    if mm.other is None or ml.other is None:
        return None
    return EndEnsemble(
        d=np.concatenate([mm.other - mm.internal, ml.internal - ml.other]),
        energy=np.concatenate([mm.other, ml.internal]),
        ml=np.repeat([False, True], [len(mm.internal), len(ml.internal)]),
        group=np.concatenate([mm.group, ml.group]),
    )
