# SPDX-License-Identifier: MIT
"""What do the samples of a run say of the solute's reorganisation? From frames to the estimators.

direct: coupled frames in water, gas frames, and the internal energies of all windows. endpoint: ML
    frames of both phases and the MM frames beside them, reweighted.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merrow.errors import NumericsError
from merrow.free_energy.decorrelate import Correlation
from merrow.free_energy.divergence import (
    Ensemble,
    conformer_labels,
    gaussian_reorganization,
    reorganization_bound,
)
from merrow.free_energy.endstate import EndStateEstimate
from merrow.free_energy.estimate import Estimate
from merrow.free_energy.expectation import (
    EndEnsemble,
    reorganization_mbar,
    reorganization_reweighted,
)
from merrow.free_energy.stiff import stiff_coordinates
from merrow.geometry import torsion_angles
from merrow.hydration.analysis.gather import Gas, Water
from merrow.potentials.interface import Array
from merrow.samples import WindowSamples
from merrow.units import KJ_PER_KCAL

logger = logging.getLogger(__name__)

Torsions = Sequence[tuple[int, int, int, int]]
Bonds = Sequence[tuple[int, int]]


@dataclass(frozen=True)
class Reorganised:
    """What is known beside the plain average of ΔE_reorg; None where it cannot be computed.

    Attributes:
        energy: ⟨E⟩_wat − ⟨E⟩_gas from all windows (direct) or from MM and ML frames (endpoint).
        bound: Lower bound of the reorganisation free energy, from torsion states.
        stiff: Estimate of the part of bonds and angles, taken as Gaussian.
    """

    energy: Estimate | None = None
    bound: Estimate | None = None
    stiff: Estimate | None = None


@dataclass(frozen=True)
class Frames:
    """Frames of one phase in the ML ensemble: positions [nm], repeat or ladder, weights."""

    positions: Array
    group: np.ndarray
    weights: Array | None = None
    ml: np.ndarray | None = None

    def ensemble(self, values: np.ndarray) -> Ensemble:
        """Return what was measured on the frames with their weights."""
        return Ensemble(values, self.group, self.weights, self.ml)


def from_windows(
    samples: WindowSamples,
    rows: Correlation,
    water: Water,
    gas: Gas | None,
    *,
    torsions: Torsions,
    bonds: Bonds,
) -> Reorganised:
    """Return what the direct route says.

    Args:
        samples: Records of the path.
        rows: Which of them count.
        water: The coupled end.
        gas: The gas phase.
        torsions: Torsions that tell the conformers apart.
        bonds: Bonds of the solute.
    """
    try:
        energy = reorganization_mbar(samples, rows=rows)
    except NumericsError as error:
        logger.info("no MBAR mean of the internal energy: %s", error)
        energy = None
    if gas is None:
        return Reorganised(energy)
    wet, dry = Frames(water.frames, water.group), Frames(gas.positions, gas.group)
    return _free_energies(energy, wet, dry, samples.temperature, torsions, bonds)


def from_end_states(
    mm: tuple[Water, Gas],
    ml: tuple[Water, Gas],
    ends: tuple[EndStateEstimate, EndStateEstimate],
    *,
    temperature: float,
    torsions: Torsions,
    bonds: Bonds,
) -> Reorganised:
    """Return what the endpoint route says.

    Args:
        mm: MM frames in water and in gas, with the energy of the ML potential.
        ml: ML frames in water and in gas, with the MM energy.
        ends: MM → ML in water and in gas.
        temperature: Temperature [K].
        torsions: Torsions that tell the conformers apart.
        bonds: Bonds of the solute.
    """
    wet = _phase(mm[0], ml[0], ends[0], temperature)
    dry = _phase(mm[1], ml[1], ends[1], temperature)
    if wet is None or dry is None:
        return Reorganised()
    df = (ends[0].dg_kcal * KJ_PER_KCAL, ends[1].dg_kcal * KJ_PER_KCAL)
    energy = reorganization_reweighted(wet[0], dry[0], df=df, temperature=temperature)
    return _free_energies(energy, wet[1], dry[1], temperature, torsions, bonds)


def _phase(
    mm: Water | Gas, ml: Water | Gas, end: EndStateEstimate, temperature: float
) -> tuple[EndEnsemble, Frames] | None:
    """Return the energies and the frames of one phase; None without the other potential's."""
    if mm.other is None or ml.other is None:
        return None
    phase = EndEnsemble(
        d=np.concatenate([mm.other - mm.internal, ml.internal - ml.other]),
        energy=np.concatenate([mm.other, ml.internal]),
        ml=np.repeat([False, True], [len(mm.internal), len(ml.internal)]),
        group=np.concatenate([mm.group, ml.group]),
    )
    positions = np.concatenate([_positions(mm), _positions(ml)])
    weights = phase.weights(end.dg_kcal * KJ_PER_KCAL, temperature)
    return phase, Frames(positions, phase.group, weights, phase.ml)


def _positions(phase: Water | Gas) -> Array:
    return phase.frames if isinstance(phase, Water) else phase.positions


def _free_energies(
    energy: Estimate | None,
    water: Frames,
    gas: Frames,
    temperature: float,
    torsions: Torsions,
    bonds: Bonds,
) -> Reorganised:
    angles = [torsion_angles(phase.positions, torsions) for phase in (water, gas)]
    labels = conformer_labels(np.concatenate(angles))
    n = len(water.positions)
    bound = reorganization_bound(
        water.ensemble(labels[:n]), gas.ensemble(labels[n:]), temperature=temperature
    )
    stiff = gaussian_reorganization(
        water.ensemble(stiff_coordinates(water.positions, bonds)),
        gas.ensemble(stiff_coordinates(gas.positions, bonds)),
        temperature=temperature,
    )
    return Reorganised(energy, bound, stiff)
