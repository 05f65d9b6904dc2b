# SPDX-License-Identifier: MIT
"""Sums of the parts of a hydration free energy: direct route, endpoint route, "as published".

The direct route samples the ML/MM Hamiltonian in every state; the endpoint route samples MM states
and adds end-state corrections: ΔG = ΔG_MM + ΔF_wat(MM→ML) − ΔF_gas(MM→ML). Both are exact; neither
adds ΔE_reorg.

Shared frames: in the endpoint route the MM frames of the coupled state enter the path and the
correction in water, and E_ML of the ML frames in water enters that correction and ΔE_reorg. The
error of a sum therefore includes the scatter of the sum over repeats (`estimate.add`). The gas
phase is an independent simulation and adds in quadrature. The correlation of ΔE_reorg with the gas
correction is neglected; it affects only the published sum.
"""

from __future__ import annotations

from dataclasses import dataclass

from merrow.free_energy.endstate import EndStateEstimate
from merrow.free_energy.estimate import PathEstimate, add, negative
from merrow.free_energy.stored import Estimate, Estimates, Headline, Method, Verdict, verdict

PUBLISHED = "TI + ΔE_reorg, as published; not a state-function estimate"
STAND_IN = "as published: end-state route + ΔE_reorg, a stand-in for TI + ΔE_reorg"
MAX_Z = 2.0
"""Tolerance for the agreement of two routes [standard errors]."""


@dataclass(frozen=True)
class Closure:
    """Closure of the cycle direct → endpoint.

    Attributes:
        difference: ΔG of the direct route − ΔG of the endpoint route; zero for infinite sampling.
        verdict: Whether the two agree.
    """

    difference: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Hydration:
    """The hydration free energy with all accompanying estimates.

    Attributes:
        headline: The reported estimate, and its method.
        estimates: All estimates.
        de_reorg: ⟨E_ML⟩_wat − ⟨E_ML⟩_gas.
        published_note: How "as published" was obtained.
    """

    headline: Headline
    estimates: Estimates
    de_reorg: Estimate | None
    published_note: str


def hydration_direct(
    mbar: PathEstimate,
    ti: PathEstimate,
    de_reorg: Estimate | None,
    *,
    mm_reference: Estimate | None = None,
    endpoint_bar: Estimate | None = None,
    published: bool = False,
) -> Hydration:
    """Return the result of the direct route, with ML/MM sampling in every state.

    Args:
        mbar: MBAR on the ML/MM path.
        ti: TI on the same samples.
        de_reorg: ⟨E_ML⟩_wat − ⟨E_ML⟩_gas, None if the gas phase was not sampled.
        mm_reference: MM value of the same path, if sampled.
        endpoint_bar: The same free energy by the endpoint route, if sampled.
        published: Make "as published" the headline (protocol paper only).
    """
    as_published = None if de_reorg is None else add(shared=[ti, de_reorg])
    estimates = Estimates(mbar, ti, endpoint_bar, mm_reference, as_published)
    return _result("decoupling_mbar", estimates, de_reorg, published, PUBLISHED)


def hydration_endpoint(
    mm_path: PathEstimate,
    water_end: EndStateEstimate,
    gas_end: EndStateEstimate,
    de_reorg: Estimate | None,
    *,
    published: bool = False,
) -> Hydration:
    """Return the result of the endpoint route: MM states with end-state corrections.

    Args:
        mm_path: MBAR on the MM path.
        water_end: MM → ML in the coupled state.
        gas_end: MM → ML in the gas phase.
        de_reorg: ⟨E_ML⟩_wat − ⟨E_ML⟩_gas on ML frames, None if not computed.
        published: Make "as published" the headline (protocol paper only).
    """
    gas = negative(gas_end)
    in_water: list[Estimate] = [mm_path, water_end]
    exact = add(shared=in_water, independent=[gas])
    as_published = (
        None if de_reorg is None else add(shared=[*in_water, de_reorg], independent=[gas])
    )
    estimates = Estimates(None, None, exact, mm_path, as_published)
    return _result("endpoint_bar", estimates, de_reorg, published, STAND_IN)


def closure(r1: Estimate, r2: Estimate) -> Closure:
    """Return direct − endpoint with its error, and check that they agree.

    The two routes share no simulation in water, so their errors add in quadrature. The correlation
    through gas-phase conformers in the decoupled state of the direct route is neglected.
    """
    difference = add(shared=[], independent=[r1, negative(r2)])
    value, error = difference.value_kcal, difference.stderr_kcal
    said = f"direct − endpoint = {value:+.2f} ± {error:.2f} kcal/mol"
    if abs(value) <= MAX_Z * error:
        bound = abs(value) + MAX_Z * error
        words = f"Both routes agree: {said}; a disagreement above {bound:.2f} is unlikely."
        return Closure(difference, verdict("routes", True, words))
    words = f"The routes disagree by more than {MAX_Z:g} standard errors: {said}."
    advice = "run longer; see which repeats or conformers differ, and the end-state overlap"
    return Closure(difference, verdict("routes", False, words, advice, serious=True))


def _result(
    exact: Method, estimates: Estimates, de_reorg: Estimate | None, published: bool, note: str
) -> Hydration:
    method: Method = "as_published" if published and estimates.as_published is not None else exact
    chosen: Estimate = getattr(estimates, method)
    headline = Headline(chosen.value_kcal, chosen.stderr_kcal, chosen.by_repeat, method=method)
    return Hydration(headline, estimates, de_reorg, note)
