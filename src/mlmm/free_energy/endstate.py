# SPDX-License-Identifier: MIT
"""What does it cost to turn the MM solute into the ML solute? BAR between the two end states.

D = E_ML(x) − E_MM(x) depends on the solute alone. With D on frames of both ensembles,
BAR gives F_ML − F_MM, and the Gibbs–Bogoliubov bounds ⟨D⟩_ML ≤ ΔF ≤ ⟨D⟩_MM enclose it.

References:
    10.1016/0021-9991(76)90078-4 (BAR); 10.1063/1.2978177 (overlap).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pymbar import MBAR
from pymbar.other_estimators import bar
from pymbar.utils import BoundsError, ConvergenceError, ParameterError

from mlmm.errors import NumericsError
from mlmm.free_energy.convergence import BAD_OVERLAP
from mlmm.free_energy.decorrelate import inefficiency, segments, split, thin
from mlmm.free_energy.estimate import ErrorParts, Estimate
from mlmm.free_energy.verdict import Verdict
from mlmm.samples import Array, IntArray
from mlmm.units import KCAL_PER_KJ, thermal_energy

MAX_GAP = 6.0
"""Distance of the two bounds [kT] above which one BAR step is not enough."""
MIN_ROWS = 5
CONSTANT = 1.0e-9
"""A D that varies by less than this [kT] is round-off: ΔF is D itself."""


@dataclass(frozen=True)
class EndStateEstimate(Estimate):
    """F(ML solute) − F(MM solute) in one phase [kcal/mol].

    Attributes:
        bound_low_kcal: ⟨D⟩ on ML frames, never above the exact value.
        bound_high_kcal: ⟨D⟩ on MM frames, never below it.
        overlap: 1 for equal ensembles, 0 for ensembles that never meet.
        errors: The errors behind `stderr_kcal`.
        verdict: Whether one BAR step was enough, and what to do if not.
    """

    bound_low_kcal: float = field(kw_only=True)
    bound_high_kcal: float = field(kw_only=True)
    overlap: float = field(kw_only=True)
    errors: ErrorParts = field(kw_only=True)
    verdict: Verdict = field(kw_only=True)


def endstate_correction(
    d_mm: Array,
    d_ml: Array,
    *,
    temperature: float,
    groups_mm: IntArray | None = None,
    groups_ml: IntArray | None = None,
) -> EndStateEstimate:
    """Return the free energy of MM → ML in one phase by BAR.

    Args:
        d_mm: E_ML − E_MM on frames of the MM ensemble [kJ/mol], shape (n,), in order of time.
        d_ml: The same on frames of the ML ensemble, shape (m,).
        temperature: Temperature of both [K].
        groups_mm: Repeat or walker of each row of d_mm; None for one series.
        groups_ml: The same for d_ml.

    Returns:
        The correction; `by_repeat` holds labels that both ensembles have.

    Raises:
        NumericsError: Too few or non-finite values, or ensembles too far apart for BAR.
    """
    d_mm, d_ml = np.asarray(d_mm, dtype=np.float64), np.asarray(d_ml, dtype=np.float64)
    _check_values(d_mm, d_ml)
    kt = thermal_energy(temperature)
    reference = float(d_mm[0])  # D may be -1e5 kJ/mol: only differences enter exponentials
    mm = split((d_mm - reference) / kt, groups_mm)
    ml = split((d_ml - reference) / kt, groups_ml)
    a, b = np.concatenate(mm), np.concatenate(ml)
    value = _solve(a, b)[0]
    few_a, few_b = thin(mm, inefficiency(mm)), thin(ml, inefficiency(ml))
    thinned = _solve(few_a, few_b)
    errors = ErrorParts(
        analytic=thinned[1] * kt * KCAL_PER_KJ,
        blocks=_scaled(_jackknife(segments(mm), segments(ml)), kt),
        repeats=_scaled(_jackknife(mm, ml), kt),
        freedom=max(min(len(mm), len(ml)) - 1, 1),
    )
    common = _by_label(mm, ml, groups_mm, groups_ml)
    low, high = float(b.mean()), float(a.mean())
    noise = math.hypot(few_a.std() / math.sqrt(len(few_a)), few_b.std() / math.sqrt(len(few_b)))
    overlap = _overlap(a, b, value)

    def kcal(reduced: float) -> float:
        return (reduced * kt + reference) * KCAL_PER_KJ

    return EndStateEstimate(
        kcal(value),
        errors.reported,
        {label: kcal(f) for label, f in common.items()},
        bound_low_kcal=kcal(low),
        bound_high_kcal=kcal(high),
        overlap=overlap,
        errors=errors,
        verdict=_judge(high - low, noise, overlap),
    )


def _check_values(d_mm: Array, d_ml: Array) -> None:
    for name, d in (("MM", d_mm), ("ML", d_ml)):
        if len(d) < MIN_ROWS or not np.isfinite(d).all():
            raise NumericsError(
                f"E_ML - E_MM on {len(d)} {name} frames: at least {MIN_ROWS} finite values are "
                "needed for the end-state correction; sample that end state again."
            )


def _solve(a: Array, b: Array) -> tuple[float, float]:
    """Return ΔF and its analytic error [kT] from D on MM frames (a) and on ML frames (b)."""
    if max(a.max(), b.max()) - min(a.min(), b.min()) < CONSTANT:
        return float((a.mean() + b.mean()) / 2.0), 0.0
    # A zero near the answer (the middle of the bounds), but not on it, where BAR's relative
    # tolerance would never be met.
    zero = float(a.mean() + b.mean()) / 2.0 - 10.0
    try:
        result = bar(a - zero, zero - b, relative_tolerance=1e-10)
    except (ParameterError, BoundsError, ConvergenceError, ArithmeticError) as error:
        raise NumericsError(
            f"BAR found no solution between the MM and the ML ensemble ({error}); "
            "add intermediate states (1-s) E_MM + s E_ML."
        ) from error
    value, stderr = float(result["Delta_f"]) + zero, float(result["dDelta_f"])
    if not math.isfinite(value + stderr) or (stderr == 0.0 and result["Delta_f"] == 0.0):
        raise NumericsError(
            "the MM and the ML ensemble do not overlap, so BAR gives no finite free energy; "
            "add intermediate states (1-s) E_MM + s E_ML."
        )
    return value, stderr


def _jackknife(mm: Sequence[Array], ml: Sequence[Array]) -> float | None:
    """Return the delete-one-group error [kT]; the two ensembles are independent of each other."""
    if len(mm) < 2 or len(ml) < 2:
        return None
    variance = 0.0
    for left_out, kept, order in ((mm, ml, 1), (ml, mm, -1)):
        whole = np.concatenate(list(kept))
        values = []
        for i in range(len(left_out)):
            rest = np.concatenate([s for j, s in enumerate(left_out) if j != i])
            values.append(_solve(*(rest, whole)[::order])[0])
        variance += (len(values) - 1) * float(np.var(values))
    return math.sqrt(variance)


def _by_label(
    mm: list[Array], ml: list[Array], groups_mm: IntArray | None, groups_ml: IntArray | None
) -> dict[int, float]:
    """Return ΔF [kT] of each label alone that has frames in both ensembles."""
    if groups_mm is None or groups_ml is None:
        return {}
    left = dict(zip(np.unique(groups_mm).tolist(), mm, strict=True))
    right = dict(zip(np.unique(groups_ml).tolist(), ml, strict=True))
    both = [k for k in left if k in right and min(len(left[k]), len(right[k])) >= MIN_ROWS]
    return {int(k): _solve(left[k], right[k])[0] for k in both}


def _overlap(a: Array, b: Array, value: float) -> float:
    """Return MBAR's scalar overlap of the two ensembles."""
    u = np.zeros((2, len(a) + len(b)))
    u[1] = np.concatenate([a, b])
    fitted = MBAR(u, [len(a), len(b)], initial_f_k=np.array([0.0, value]))
    return float(fitted.compute_overlap()["scalar"])


def _judge(gap: float, noise: float, overlap: float) -> Verdict:
    if gap < -4.0 * noise - CONSTANT:
        return Verdict(
            "end states",
            False,
            f"<D> is {-gap:.1f} kT higher on ML than on MM frames, which no ensembles can do: "
            "the sign of D or the two sets of frames are exchanged; check the input.",
        )
    said = f"the bounds are {gap:.1f} kT apart, overlap {overlap:.2f}"
    ok = gap <= MAX_GAP and overlap >= BAD_OVERLAP
    if ok:
        return Verdict("end states", True, f"One BAR step from MM to ML is enough: {said}.")
    return Verdict(
        "end states",
        False,
        f"MM and ML solute are too different for one BAR step: {said}; "
        "add 3-5 intermediate states (1-s) E_MM + s E_ML, or use route R1.",
    )


def _scaled(reduced: float | None, kt: float) -> float | None:
    return None if reduced is None else reduced * kt * KCAL_PER_KJ
