# SPDX-License-Identifier: MIT
"""How do the parts add up to a hydration free energy? Route R1, route R2, and "as published".

R1 samples the ML/MM Hamiltonian at every state; R2 samples MM states and adds the end-state
corrections: ΔG = ΔG_MM + ΔF_wat(MM→ML) − ΔF_gas(MM→ML). Both are exact; neither adds ΔE_reorg.

Shared frames: in R2 the MM frames of the coupled state serve the path and the correction in
water, and E_ML of the ML frames in water serves that correction and ΔE_reorg. The error of a sum is
therefore at least the scatter of the sum over repeats (`estimate.add`). The gas phase is a
simulation of its own and adds in quadrature. What ΔE_reorg shares with the gas correction is not
followed; it touches the published sum only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merrow.free_energy.endstate import EndStateEstimate
from merrow.free_energy.estimate import Estimate, PathEstimate, add, negative
from merrow.free_energy.verdict import Verdict

METHODS = {
    "decoupling_mbar": "MBAR of the ML/MM decoupling path",
    "endstate_r2": "MM decoupling path (MBAR) + MM→ML/MM end-state BAR",
    "as_published": "TI + ΔE_reorg, as published; not a state-function estimate",
}
STAND_IN = "as published: end-state route + ΔE_reorg, a stand-in for TI + ΔE_reorg"
WHY = (
    "The two numbers differ by ΔE_reorg = <E_ML>_wat - <E_ML>_gas: the decoupling path already "
    "contains the reorganisation of the solute, so adding it counts it twice "
    "(docs/explanation/two-numbers.md)."
)


AGREEMENT = 2.0
"""Two routes agree within this many standard errors of their difference."""


@dataclass(frozen=True)
class Closure:
    """How far the cycle R1 → R2 fails to close.

    Attributes:
        difference: ΔG by R1 − ΔG by R2; zero for endless sampling.
        verdict: Whether the two agree.
    """

    difference: Estimate
    verdict: Verdict


@dataclass(frozen=True)
class Hydration:
    """The hydration free energy and all numbers that stand beside it.

    Attributes:
        route: "R1" or "R2".
        headline: The number that is reported.
        headline_method: How it was obtained.
        estimates: decoupling_mbar, decoupling_ti, endstate_r2, mm_control and as_published; None
            for what this route does not give.
        de_reorg: ⟨E_ML⟩_wat − ⟨E_ML⟩_gas.
        published_note: How "as published" was made.
        why: One sentence why exact and published value differ.
    """

    route: str
    headline: Estimate
    headline_method: str
    estimates: Mapping[str, Estimate | None]
    de_reorg: Estimate | None
    published_note: str
    why: str = WHY


def hydration_r1(
    mbar: PathEstimate,
    ti: PathEstimate,
    de_reorg: Estimate | None,
    *,
    mm_control: Estimate | None = None,
    endstate_r2: Estimate | None = None,
    published: bool = False,
) -> Hydration:
    """Return the result of ML/MM sampling at every state.

    Args:
        mbar: MBAR on the ML/MM path.
        ti: TI on the same samples.
        de_reorg: ⟨E_ML⟩_wat − ⟨E_ML⟩_gas, None where the gas was not sampled.
        mm_control: MM value of the same path, if it was run.
        endstate_r2: The same free energy by route R2, if it was run.
        published: Make "as published" the headline (protocol paper only).
    """
    as_published = None if de_reorg is None else add(shared=[ti, de_reorg])
    estimates = {
        "decoupling_mbar": mbar,
        "decoupling_ti": ti,
        "endstate_r2": endstate_r2,
        "mm_control": mm_control,
        "as_published": as_published,
    }
    return _result("R1", "decoupling_mbar", estimates, de_reorg, published)


def hydration_r2(
    mm_path: PathEstimate,
    water_end: EndStateEstimate,
    gas_end: EndStateEstimate,
    de_reorg: Estimate | None,
    *,
    published: bool = False,
) -> Hydration:
    """Return the result of MM states with end-state corrections in water and gas.

    Args:
        mm_path: MBAR on the MM path.
        water_end: MM → ML in the coupled state.
        gas_end: MM → ML in the gas phase.
        de_reorg: ⟨E_ML⟩_wat − ⟨E_ML⟩_gas on ML frames, None where not computed.
        published: Make "as published" the headline (protocol paper only).
    """
    gas = negative(gas_end)
    in_water: list[Estimate] = [mm_path, water_end]
    exact = add(shared=in_water, independent=[gas])
    as_published = (
        None if de_reorg is None else add(shared=[*in_water, de_reorg], independent=[gas])
    )
    estimates = {
        "decoupling_mbar": None,
        "decoupling_ti": None,
        "endstate_r2": exact,
        "mm_control": mm_path,
        "as_published": as_published,
    }
    return _result("R2", "endstate_r2", estimates, de_reorg, published)


def closure(r1: Estimate, r2: Estimate) -> Closure:
    """Return R1 − R2 with its error and say whether they agree.

    The two routes share no simulation in water, and their errors are added in quadrature. What R1's
    path has from the gas phase, conformers in its decoupled state, is not followed.
    """
    difference = add(shared=[], independent=[r1, negative(r2)])
    value, error = difference.dg_kcal, difference.stderr_kcal
    said = f"R1 − R2 = {value:+.2f} ± {error:.2f} kcal/mol"
    if abs(value) <= AGREEMENT * error:
        bound = abs(value) + AGREEMENT * error
        words = f"Both routes agree: {said}; a disagreement above {bound:.2f} is unlikely."
        return Closure(difference, Verdict("routes", True, words))
    words = f"The routes disagree by more than {AGREEMENT:g} standard errors: {said}."
    advice = "run longer; see which repeats or conformers differ, and the end-state overlap of R2"
    return Closure(difference, Verdict("routes", False, words, advice, serious=True))


def _result(
    route: str,
    exact: str,
    estimates: Mapping[str, Estimate | None],
    de_reorg: Estimate | None,
    published: bool,
) -> Hydration:
    note = METHODS["as_published"] if route == "R1" else STAND_IN
    chosen = "as_published" if published and estimates["as_published"] is not None else exact
    headline = estimates[chosen]
    if headline is None:
        raise ValueError(f"route {route} gave no {chosen}")
    method = note if chosen == "as_published" else METHODS[chosen]
    return Hydration(route, headline, method, estimates, de_reorg, note)
