# SPDX-License-Identifier: MIT
"""Contributions to the uncertainty of a hydration free energy, and sensitivities.

Sampling errors add up to the standard error of the headline. The spread of the potential's ensemble
is not part of it: it shows how far the result depends on the trained network, and is a lower bound
of the potential's error, since all members were trained on the same data.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from merrow.free_energy.decorrelate import split
from merrow.free_energy.endstate import EndStateEstimate
from merrow.free_energy.estimate import PathEstimate
from merrow.free_energy.stored import Estimate, UncertaintyPart
from merrow.samples import Array, WindowSamples
from merrow.uncertainty import jackknife_variance, standard_error_of_mean
from merrow.units import KCAL_PER_KJ, thermal_energy

PERCENT = 0.01
BLOCKS = 10
"""Number of blocks of frames for the jackknife error of the members' free energies."""


def sampling_parts(
    headline: Estimate, path: PathEstimate, ends: Mapping[str, EndStateEstimate]
) -> tuple[UncertaintyPart, ...]:
    """Return the contributions to the standard error of the headline, which add in quadrature.

    Args:
        headline: The reported estimate.
        path: The sampled path.
        ends: MM → ML by phase in the endpoint route; empty in the direct route.
    """
    inside = [
        UncertaintyPart("sampling of the path", path.errors.within, True, "analytic or blocks")
    ]
    for phase, end in ends.items():
        name = f"MM to ML/MM in {phase}"
        inside.append(
            UncertaintyPart(
                name, end.stderr_kcal, True, "BAR or MBAR, with the scatter of its repeats"
            )
        )
    rest = headline.stderr_kcal**2 - sum(part.stderr_kcal**2 for part in inside)
    between = math.sqrt(max(rest, 0.0))
    note = "what the scatter of the repeats adds to that"
    return (*inside, UncertaintyPart("between repeats", between, True, note))


def member_part(water: Array, gas: Array, *, temperature: float) -> UncertaintyPart:
    """Return the spread of the free energy over the ensemble members of the potential.

    Each member's free energy follows by reweighting frames of the mean, without new dynamics:
    ΔG_m − ΔG = −kT ln⟨e^{−(E_m − E)/kT}⟩_wat + kT ln⟨e^{−(E_m − E)/kT}⟩_gas.
    The finite number of frames also scatters these values; its variance, from a jackknife over
    blocks of frames, is subtracted from the variance over the members.

    Args:
        water: E_m − E of the coupled frames [kJ/mol], shape (n, M), in the order of time.
        gas: The same in gas, shape (m, M).
        temperature: Temperature [K].
    """
    kt = thermal_energy(temperature)
    (wet, wet_noise), (dry, dry_noise) = _member_shifts(water / kt), _member_shifts(gas / kt)
    count = len(wet)
    variance = float(np.var(wet - dry, ddof=1))
    noise = float((wet_noise + dry_noise).sum()) / (count - 1)
    unit = kt * KCAL_PER_KJ
    note = (
        f"standard deviation over {count} members, reweighted, less {math.sqrt(noise) * unit:.2f} "
        "from the number of frames; a lower bound of the error of the potential"
    )
    spread = math.sqrt(max(variance - noise, 0.0)) * unit
    return UncertaintyPart("members of the potential", spread, False, note)


def _member_shifts(x: Array) -> tuple[Array, Array]:
    """Return −ln⟨e^{−x}⟩ of each member about their mean, and its jackknife variance, each (M,)."""
    if len(x) < 2:
        return _centred(x), np.zeros(x.shape[1])
    return _centred(x), jackknife_variance(np.array_split(x, min(BLOCKS, len(x))), _centred)


def _centred(x: Array) -> Array:
    values = _exponential(x)
    return np.asarray(values - values.mean())


def charge_sensitivity(coupled: WindowSamples) -> Estimate:
    """Return the change of ΔG [kcal/mol] if all charges of the solute increase by 1 %.

    ∂ΔG/∂ln q = ⟨∂V/∂λ_elec⟩ of the coupled state, since λ scales the charges. Interactions within
    the solute are unchanged.

    Args:
        coupled: Samples with the coupled state as the first one.
    """
    rows = coupled.select(coupled.state == 0)
    return _percent(rows.dvdl[:, 0], rows)


def well_depth_sensitivity(path: WindowSamples) -> Estimate | None:
    """Return the change of ΔG [kcal/mol] if all Lennard-Jones depths of the solute rise by 1 %.

    ∂ΔG/∂ln ε = ½⟨V_LJ⟩ of the coupled state, since ε of a pair is a geometric mean; V_LJ is the
    energy switched off by the last leg. None if the path has no uncharged state.

    Args:
        path: Samples of a path with states (0, 1) and (0, 0).
    """
    corner = [k for k, s in enumerate(path.states) if s == (0.0, 1.0)]
    gone = [k for k, s in enumerate(path.states) if s == (0.0, 0.0)]
    if not corner or not gone:
        return None
    rows = path.select(path.state == 0)
    energy = (rows.u[:, corner[0]] - rows.u[:, gone[0]]) * thermal_energy(rows.temperature)
    return _percent(0.5 * energy, rows)


def size_sensitivity(coupled: WindowSamples) -> Estimate | None:
    """Return the change of ΔG [kcal/mol] if σ of all solute–solvent pairs increases by 1 %.

    ∂ΔG/∂ln σ = ⟨∂V/∂ln σ⟩ of the coupled state, with V including its tail. As σ of a pair is the
    mean of two atoms, the solute's own σ would have to increase by about 2 % for the same effect.

    Args:
        coupled: Samples with the coupled state as the first one; None is returned without slopes.
    """
    rows = coupled.select((coupled.state == 0) & np.isfinite(coupled.size_slope))
    return _percent(rows.size_slope, rows) if len(rows) else None


def _percent(values: Array, rows: WindowSamples) -> Estimate:
    scale = PERCENT * KCAL_PER_KJ
    series = split(values, rows.repeat)
    return Estimate(float(values.mean()) * scale, standard_error_of_mean(series) * scale)


def _exponential(x: Array) -> Array:
    """Return −ln⟨e^{−x}⟩ of every column."""
    least = x.min(axis=0)
    return np.asarray(least - np.log(np.mean(np.exp(-(x - least)), axis=0)))
