# SPDX-License-Identifier: MIT
"""Free energy from the MM to the ML solute by BAR between the two end states.

D = E_ML(x) − E_MM(x) depends on the solute alone. With D on frames of both ensembles,
BAR gives F_ML − F_MM, enclosed by the Gibbs–Bogoliubov bounds ⟨D⟩_ML ≤ ΔF ≤ ⟨D⟩_MM. If the
ensembles are too far apart, intermediate ensembles E_MM + s D are added, and D on the frames of all
ensembles gives the same free energy by MBAR.

References:
    10.1016/0021-9991(76)90078-4 (BAR); 10.1063/1.2978177 (MBAR, overlap).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise

import numpy as np

from merrow.errors import NumericsError
from merrow.free_energy.convergence import BAD_OVERLAP
from merrow.free_energy.decorrelate import split, thin
from merrow.free_energy.estimate import ErrorParts
from merrow.free_energy.estimators import AWAY_FROM_ZERO
from merrow.free_energy.stored import Estimate, GibbsBogoliubov, PhaseBounds, Verdict, verdict
from merrow.mbar_libraries import MBAR, BoundsError, ConvergenceError, ParameterError, bar
from merrow.samples import Array, IntArray
from merrow.uncertainty import blocks_of, inefficiency, jackknife_variance
from merrow.units import KCAL_PER_KJ, thermal_energy

MAX_GAP = 6.0
"""Distance between the bounds [kT] above which one BAR step is not enough."""
FINEST = 8
"""Maximum number of steps from MM to ML."""
MIN_ROWS = 5
CONSTANT = 1.0e-9
"""Variation of D [kT] below which it is round-off, so that ΔF is D itself."""


@dataclass(frozen=True)
class IntermediateEnsemble:
    """Frames of an ensemble between the MM and the ML solute.

    Attributes:
        lambda_interpolate: s of the sampled energy E_MM + s (E_ML − E_MM): 0 MM, 1 ML.
        d: E_ML − E_MM on its frames [kJ/mol], shape (n,), in order of time.
        groups: Repeat or walker of each frame, shape (n,); None for one series.
    """

    lambda_interpolate: float
    d: Array
    groups: IntArray | None = None


@dataclass(frozen=True)
class EndStateEstimate(Estimate):
    """F(ML solute) − F(MM solute) in one phase [kcal/mol].

    Attributes:
        bound_low_kcal: ⟨D⟩ on ML frames, a lower bound.
        bound_high_kcal: ⟨D⟩ on MM frames, an upper bound.
        overlap: 1 for equal ensembles, 0 without overlap; the minimum of all steps.
        errors: The errors behind `stderr_kcal`.
        verdict: Whether neighbours overlap, with advice.
    """

    bound_low_kcal: float = field(kw_only=True)
    bound_high_kcal: float = field(kw_only=True)
    overlap: float = field(kw_only=True)
    errors: ErrorParts = field(kw_only=True)
    verdict: Verdict = field(kw_only=True)


def gibbs_bogoliubov(water: EndStateEstimate, gas: EndStateEstimate) -> GibbsBogoliubov:
    """Return the bounds in both phases, relative to ΔF in gas."""
    zero = gas.value_kcal

    def bounds(end: EndStateEstimate) -> PhaseBounds:
        return PhaseBounds(
            end.bound_low_kcal - zero,
            end.value_kcal - zero,
            end.bound_high_kcal - zero,
            end.stderr_kcal,
        )

    return GibbsBogoliubov(bounds(water), bounds(gas), zero)


@dataclass(frozen=True)
class _Step:
    """Two neighbours: distance between their bounds with its noise [kT], and their overlap."""

    gap: float
    noise: float
    overlap: float


def endstate_free_energy(
    ensembles: Sequence[IntermediateEnsemble], *, temperature: float
) -> EndStateEstimate:
    """Return the free energy of MM → ML in a phase from two or more ensembles.

    Two ensembles use BAR, more use MBAR with the reduced energies s D / kT.

    Args:
        ensembles: The ensembles in order of s; the first is MM, the last ML.
        temperature: Temperature of all ensembles [K].

    Raises:
        NumericsError: Too few or non-finite values, or neighbours too far apart.
        ValueError: s does not increase from 0 to 1.
    """
    lambdas = _checked(ensembles)
    kt = thermal_energy(temperature)
    reference = float(
        ensembles[0].d[0]
    )  # D may be -1e5 kJ/mol: only differences enter exponentials
    series = [split((np.asarray(r.d, float) - reference) / kt, r.groups) for r in ensembles]
    whole = [np.concatenate(groups) for groups in series]
    few = [thin(groups, inefficiency(groups)) for groups in series]
    value = _solve(whole, lambdas)[0]
    errors = ErrorParts(
        analytic=_solve(few, lambdas)[1],
        blocks=_jackknife([[*chain.from_iterable(blocks_of(s))] for s in series], lambdas),
        repeats=_jackknife(series, lambdas),
        freedom=max(min(map(len, series)) - 1, 1),
    ).scaled(kt * KCAL_PER_KJ)
    steps = [
        _step(whole[k : k + 2], few[k : k + 2], lambdas[k + 1] - lambdas[k])
        for k in range(len(ensembles) - 1)
    ]

    def kcal(reduced: float) -> float:
        return (reduced * kt + reference) * KCAL_PER_KJ

    return EndStateEstimate(
        kcal(value),
        errors.reported,
        {label: kcal(f) for label, f in _by_label(ensembles, series, lambdas).items()},
        bound_low_kcal=kcal(float(whole[-1].mean())),
        bound_high_kcal=kcal(float(whole[0].mean())),
        overlap=min(step.overlap for step in steps),
        errors=errors,
        verdict=_judge(steps, lambdas),
    )


def missing_intermediates(
    ensembles: Sequence[IntermediateEnsemble], *, temperature: float
) -> tuple[float, ...]:
    """Return s of intermediate ensembles needed between neighbours that are too far apart.

    For Gaussian D the bounds are σ² apart, and σ²/n² in each of n equal steps. Steps are halved
    until the bounds are within `MAX_GAP`, or the step is 1/8.

    Args:
        ensembles: The ensembles in order of s.
        temperature: Temperature of all ensembles [K].

    Raises:
        NumericsError: Too few or non-finite values.
    """
    lambdas, kt = _checked(ensembles), thermal_energy(temperature)
    missing: list[float] = []
    for k in range(len(ensembles) - 1):
        width = lambdas[k + 1] - lambdas[k]
        gap = width * (float(np.mean(ensembles[k].d)) - float(np.mean(ensembles[k + 1].d))) / kt
        halvings = max(0, math.ceil(math.log2(max(gap, MAX_GAP) / MAX_GAP) / 2.0))
        count = min(2**halvings, round(width * FINEST))
        missing += [lambdas[k] + width * i / count for i in range(1, count)]
    return tuple(missing)


def _checked(ensembles: Sequence[IntermediateEnsemble]) -> tuple[float, ...]:
    """Check order and size of the ensembles; return s of each."""
    lambdas = tuple(ensemble.lambda_interpolate for ensemble in ensembles)
    rising = all(a < b for a, b in pairwise(lambdas))
    if len(lambdas) < 2 or (lambdas[0], lambdas[-1]) != (0.0, 1.0) or not rising:
        raise ValueError(f"lambda_interpolate must rise from 0 (MM) to 1 (ML), not {lambdas}")
    for ensemble in ensembles:
        if len(ensemble.d) < MIN_ROWS or not np.isfinite(ensemble.d).all():
            raise NumericsError(
                f"E_ML - E_MM on {len(ensemble.d)} {_name(ensemble.lambda_interpolate)} frames: "
                f"at least {MIN_ROWS} finite values are needed for the end-state correction; "
                "sample it again."
            )
    return lambdas


def _name(s: float) -> str:
    return {0.0: "MM", 1.0: "ML"}.get(s, f"s = {s:g}")


def _solve(parts: Sequence[Array], lambdas: Sequence[float]) -> tuple[float, float]:
    """Return ΔF and its analytic error [kT] from D on the frames of every ensemble."""
    lowest, highest = min(float(d.min()) for d in parts), max(float(d.max()) for d in parts)
    if highest - lowest < CONSTANT:
        return float(np.mean([d.mean() for d in parts])), 0.0
    try:
        value, stderr = _bar(*parts) if len(parts) == 2 else _mbar(parts, lambdas)
    except (ParameterError, BoundsError, ConvergenceError, ArithmeticError) as error:
        raise NumericsError(
            f"BAR found no solution between the MM and the ML ensemble ({error}); "
            "sample intermediate states (1-s) E_MM + s E_ML, or use the direct route."
        ) from error
    if not math.isfinite(value + stderr):
        raise NumericsError(
            "the MM and the ML ensemble do not overlap, so BAR gives no finite free energy; "
            "sample intermediate states (1-s) E_MM + s E_ML, or use the direct route."
        )
    return value, stderr


def _bar(a: Array, b: Array) -> tuple[float, float]:
    # A zero near the result (the middle of the bounds), but not at it, where BAR's relative
    # tolerance would never be met.
    zero = float(a.mean() + b.mean()) / 2.0 - AWAY_FROM_ZERO
    result = bar(a - zero, zero - b, relative_tolerance=1e-10)
    value, stderr = float(result["Delta_f"]), float(result["dDelta_f"])
    if value == 0.0 and stderr == 0.0:  # pymbar's result without overlap
        return math.nan, math.nan
    return value + zero, stderr


def _mbar(parts: Sequence[Array], lambdas: Sequence[float]) -> tuple[float, float]:
    counts = [len(d) for d in parts]
    zero = float(parts[-1].mean()) - AWAY_FROM_ZERO  # ⟨D⟩_ML is the smallest slope of F(s)
    reduced = np.multiply.outer(np.asarray(lambdas), np.concatenate(list(parts)) - zero)
    solver = MBAR(
        reduced, counts, relative_tolerance=1e-10, initial_f_k=_guess(parts, lambdas, zero)
    )
    found = solver.compute_free_energy_differences()
    return float(found["Delta_f"][0, -1]) + zero, float(found["dDelta_f"][0, -1])


def _guess(parts: Sequence[Array], lambdas: Sequence[float], zero: float) -> Array:
    """Return the free energies of all ensembles by BAR between neighbours, relative to zero [kT].

    From nothing, MBAR may end far from the solution.
    """
    steps = []
    for (a, b), (s, t) in zip(pairwise(parts), pairwise(lambdas), strict=True):
        step = _bar((t - s) * (a - zero), (t - s) * (b - zero))[0]
        steps.append(
            step if math.isfinite(step) else (t - s) * (a.mean() + b.mean() - 2 * zero) / 2
        )
    return np.concatenate([[0.0], np.cumsum(steps)])


def _jackknife(series: Sequence[Sequence[Array]], lambdas: Sequence[float]) -> float | None:
    """Return the delete-one-group error [kT]; the ensembles are independent of each other."""
    if min(map(len, series)) < 2:
        return None
    whole = [np.concatenate(list(groups)) for groups in series]

    def without(k: int) -> Callable[[Array], float]:
        return lambda rest: _solve([*whole[:k], rest, *whole[k + 1 :]], lambdas)[0]

    parts = (jackknife_variance(groups, without(k)) for k, groups in enumerate(series))
    return math.sqrt(sum(float(part) for part in parts))


def _by_label(
    ensembles: Sequence[IntermediateEnsemble],
    series: Sequence[Sequence[Array]],
    lambdas: Sequence[float],
) -> dict[int, float]:
    """Return ΔF [kT] of each label with frames in all ensembles."""
    tables: list[dict[int, Array]] = []
    for ensemble, parts in zip(ensembles, series, strict=True):
        if ensemble.groups is None:
            return {}
        labels = np.unique(ensemble.groups).tolist()
        of_label = dict(zip(labels, parts, strict=True))
        tables.append({int(k): d for k, d in of_label.items() if len(d) >= MIN_ROWS})
    common = [k for k in tables[0] if all(k in table for table in tables)]
    return {k: _solve([table[k] for table in tables], lambdas)[0] for k in common}


def _step(whole: Sequence[Array], few: Sequence[Array], width: float) -> _Step:
    """Compare two neighbours; `few` are their independent values of D."""
    a, b = (width * d for d in whole)
    noise = math.hypot(*(width * float(d.std()) / math.sqrt(len(d)) for d in few))
    value = _solve((a, b), (0.0, 1.0))[0]
    u = np.zeros((2, len(a) + len(b)))
    u[1] = np.concatenate([a, b]) - value + AWAY_FROM_ZERO
    fitted = MBAR(u, [len(a), len(b)], initial_f_k=np.array([0.0, AWAY_FROM_ZERO]))
    overlap = float(fitted.compute_overlap()["scalar"])
    return _Step(float(a.mean()) - float(b.mean()), noise, overlap)


def _judge(steps: Sequence[_Step], lambdas: Sequence[float]) -> Verdict:
    worst = min(steps, key=lambda step: step.gap + 4.0 * step.noise)
    if worst.gap < -4.0 * worst.noise - CONSTANT:
        return verdict(
            "end states",
            False,
            f"<D> is {-worst.gap:.1f} kT higher on ML than on MM frames, which no ensembles can "
            "do: the sign of D or the two sets of frames are exchanged; check the input.",
            serious=True,
        )
    gap, overlap = max(step.gap for step in steps), min(step.overlap for step in steps)
    said = f"the bounds are {gap:.1f} kT apart, overlap {overlap:.2f}"
    one = len(steps) == 1
    if not one:
        steps_at = ", ".join(f"{s:g}" for s in lambdas)
        said = f"s = {steps_at}; at the worst step {said}"
    if gap <= MAX_GAP and overlap >= BAD_OVERLAP:
        enough = "One BAR step" if one else f"A ladder of {len(steps)} steps"
        return verdict("end states", True, f"{enough} from MM to ML is enough: {said}.")
    few = "one BAR step" if one else f"{len(steps)} steps"
    return verdict(
        "end states",
        False,
        f"MM and ML solute are too different for {few}: {said}; "
        "add intermediate states (1-s) E_MM + s E_ML, or use the direct route.",
        serious=overlap < BAD_OVERLAP,
    )
