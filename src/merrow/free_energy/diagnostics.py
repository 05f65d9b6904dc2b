# SPDX-License-Identifier: MIT
"""Further diagnostics of a free energy, each a verdict with advice."""

from __future__ import annotations

import math

import numpy as np

from merrow.free_energy.decorrelate import MAX_DISCARD, Correlation, split
from merrow.free_energy.populations import GO_ON, Torsions
from merrow.free_energy.stored import Verdict, verdict
from merrow.samples import Array, IntArray, WindowSamples
from merrow.uncertainty import inefficiency, standard_error_of_mean
from merrow.units import KCAL_PER_KJ

LEAST_INDEPENDENT = 50.0
"""Recommended minimum of independent rows per state, over all repeats."""
MOST_DISCARDED = 0.2
"""Fraction of rows discarded as unequilibrated above which a warning is given."""
SPREAD_PER_ROOT_ATOM = 0.23
"""ρ = σ/√N [kcal/mol] above which an ANI ensemble extrapolates (10.1063/1.5023802)."""
EXCURSION = 3.0
"""Multiple of `SPREAD_PER_ROOT_ATOM` above which a single frame counts as extrapolated."""
LARGE_TAIL = 1.0
"""Tail correction [kcal/mol] above which the result depends on its approximation."""
MAX_Z = 3.0
"""Tolerance for the agreement of two means [standard errors]."""
SEEN = 0.95
"""Probability with which a torsion state missing in a phase should have been seen there."""


def judge_equilibration(samples: WindowSamples, rows: Correlation) -> Verdict:
    """Check the fraction discarded as unequilibrated."""
    lost = rows.n_discarded / max(len(samples), 1)
    where = samples.select(~rows.equilibrated).state
    words = f"{100 * lost:.1f} % of the rows are left out as unequilibrated"
    if lost <= MOST_DISCARDED:
        return verdict("equilibration", True, f"{words}.")
    worst = samples.states[int(np.bincount(where, minlength=len(samples.states)).argmax())]
    return verdict(
        "equilibration",
        False,
        f"{words}, most of them at {worst.words}; never more than {100 * MAX_DISCARD:.0f} %.",
        "lengthen equilibration and equilibration_per_state, or sample longer",
    )


def judge_correlation(samples: WindowSamples, rows: Correlation) -> Verdict:
    """Check the number of independent rows of the worst state."""
    counts = independent_rows(samples, rows)
    k = int(counts.argmin())
    g = float(np.nanmax(rows.g[:, k]))
    said = (
        f"{samples.states[k].words} has the fewest independent rows, about {counts[k]:.0f} "
        f"(statistical inefficiency up to {g:.1f})"
    )
    ok = bool(counts[k] >= LEAST_INDEPENDENT)
    if ok:
        return verdict("correlation", True, f"Every state has enough independent rows: {said}.")
    advice = f"an error from fewer than {LEAST_INDEPENDENT:.0f} is itself uncertain: sample longer"
    return verdict("correlation", False, f"Few independent rows: {said}.", advice)


def independent_rows(samples: WindowSamples, rows: Correlation) -> Array:
    """Return N/g of every state, summed over repeats, shape (K,)."""
    repeats = np.unique(samples.repeat)
    counts = np.zeros(len(samples.states))
    for r, repeat in enumerate(repeats):
        mine = rows.equilibrated & (samples.repeat == repeat)
        n = np.bincount(samples.state[mine], minlength=len(samples.states))
        counts += np.where(n > 0, n / np.nan_to_num(rows.g[r], nan=1.0), 0.0)
    return counts


def judge_missing_states(water: Array, gas: Array, torsions: Torsions) -> Verdict:
    """Check for torsion states visited in only one phase.

    Args:
        water: Torsion angles in water [degree], shape (n, t), in order of time.
        gas: The same in gas, shape (m, t).
        torsions: The torsions, t.
    """
    name = "torsion states"
    missing = []
    for label, state in torsions.single(np.concatenate([water, gas])).items():
        phases = {"water": state[: len(water)], "gas": state[len(water) :]}
        for here, there in (("water", "gas"), ("gas", "water")):
            series = [(phases[here] == s).mean(axis=1) for s in range(3)]
            slowest = max(inefficiency([s]) for s in series)
            frames = len(phases[here]) / slowest
            for s in range(3):
                p = float(np.mean(phases[there] == s))
                if not series[s].any() and 1.0 - (1.0 - p) ** frames > SEEN:
                    missing.append(f"{label} has a state in {there} ({100 * p:.0f} %), not {here}")
    if not missing:
        return verdict(name, True, "Every torsion state of one phase is seen in the other too.")
    return verdict(
        name,
        False,
        f"Torsion states are visited in one phase only: {'; '.join(missing)}.",
        "the solvent may forbid it, or a barrier was not crossed: start a repeat there, run longer",
    )


def judge_gas_and_decoupled(difference: float, stderr: float) -> Verdict:
    """Check that the decoupled solute has the mean internal energy of the gas phase.

    Both are the same ensemble, sampled in two ways.

    Args:
        difference: ⟨E⟩ decoupled − ⟨E⟩ in gas [kcal/mol].
        stderr: Its standard error [kcal/mol].
    """
    said = f"they differ by {difference:+.2f} ± {stderr:.2f} kcal/mol"
    if abs(difference) <= MAX_Z * stderr:
        words = f"The decoupled solute and the gas phase have the same mean energy: {said}."
        return verdict("gas phase", True, words)
    return verdict(
        "gas phase",
        False,
        f"The decoupled solute and the gas phase should have the same mean energy, but {said}.",
        "one of them is not converged: compare the torsions of both and run longer",
        serious=True,
    )


def gas_and_decoupled(
    samples: WindowSamples, rows: Correlation, gas: Array, ladders: IntArray
) -> tuple[float, float]:
    """Return ⟨E⟩ of the decoupled state − ⟨E⟩ in gas, and its standard error [kcal/mol].

    Args:
        samples: Samples of the path, whose last state is decoupled.
        rows: Their equilibrated and independent rows.
        gas: Energies in gas [kJ/mol], shape (m,).
        ladders: Ladder of each, shape (m,).
    """
    last = rows.equilibrated & (samples.state == len(samples.states) - 1)
    zero = float(gas[0])
    loose = split(samples.internal[last] - zero, samples.repeat[last])
    dry = split(gas - zero, ladders)
    difference = float(np.concatenate(loose).mean() - np.concatenate(dry).mean())
    return difference * KCAL_PER_KJ, math.hypot(
        standard_error_of_mean(loose), standard_error_of_mean(dry)
    ) * KCAL_PER_KJ


def judge_spread(spread: Array, n_atoms: int) -> Verdict:
    """Check that the ensemble members of the potential agree on the solute.

    Args:
        spread: Ensemble standard deviation on frames in water [kcal/mol], shape (n,).
        n_atoms: Number of atoms of the solute.
    """
    each = spread / math.sqrt(n_atoms)
    per_root, worst = float(np.nanmean(each)), float(np.nanmax(each))
    apart = int(np.sum(each > EXCURSION * SPREAD_PER_ROOT_ATOM))
    said = f"σ/√N is {per_root:.2f} kcal/mol on average in water, at most {worst:.2f}"
    if per_root <= SPREAD_PER_ROOT_ATOM and apart == 0:
        return verdict("ensemble", True, f"The members of the potential agree: {said}.")
    if per_root > SPREAD_PER_ROOT_ATOM:
        said = f"{said}; the mean is above {SPREAD_PER_ROOT_ATOM:g}"
    else:
        limit = EXCURSION * SPREAD_PER_ROOT_ATOM
        said = f"{said}; {apart} of {len(each)} frames are above {limit:.2f}"
    return verdict(
        "ensemble",
        False,
        f"The members of the potential disagree: {said}.",
        "the molecule, or one of its conformations, is unlike what the potential was trained on: "
        "look at these frames, and compare with another potential",
    )


def judge_box(
    volume: Array, repeats: IntArray, *, width: float, cutoff: float, tail: float
) -> Verdict:
    """Check that the box has a stable volume, is wide enough, and has a small tail correction.

    Args:
        volume: Box volume of each row of the coupled state [nm³], in order of time, shape (n,).
        repeats: Repeat of each, shape (n,).
        width: Smallest distance between opposite faces at the mean volume [nm].
        cutoff: Cutoff [nm].
        tail: Solute–water dispersion beyond the cutoff in the coupled state [kcal/mol].
    """
    series = split(volume, repeats)
    halves = [[float(h.mean()) for h in np.array_split(s, 2) if len(h)] for s in series]
    drifts = [own[1] - own[0] for own in halves if len(own) == 2]
    drift = float(np.mean(drifts)) if drifts else 0.0
    # a trend must not be mistaken for a long correlation
    error = 2.0 * standard_error_of_mean([_without_trend(s) for s in series])
    least = width * float(volume.min() / volume.mean()) ** (1.0 / 3.0)
    mean = float(volume.mean())
    said = (
        f"volume {mean:.2f} nm³, drift between halves {drift:+.3f} ± {error:.3f}; narrowest "
        f"{10 * least:.1f} Å for a cutoff of {10 * cutoff:.1f} Å; tail {tail:+.2f} kcal/mol"
    )
    problems = []
    if abs(drift) > MAX_Z * error:
        problems.append("the volume drifts: lengthen equilibration")
    if least < 2.0 * cutoff:
        problems.append("the box is narrower than twice the cutoff: take more water")
    if abs(tail) > LARGE_TAIL:
        problems.append(
            "the tail is large: compare with a longer cutoff (--set cutoff_angstrom=10)"
        )
    if not problems:
        return verdict("box", True, f"Box and tail are in order: {said}.")
    return verdict("box", False, f"{said[0].upper()}{said[1:]}.", "; ".join(problems))


def _without_trend(series: Array) -> Array:
    """Return a series without its linear trend."""
    if len(series) < 3:
        return np.asarray(series - series.mean())
    x = np.arange(len(series), dtype=np.float64)
    return np.asarray(series - np.polyval(np.polyfit(x, series, 1), x))


def judge_target(stderr: float, target: float | None, *, route: str = "") -> Verdict:
    """Check that the target error was reached.

    Args:
        stderr: Standard error of the headline, or the larger of two routes [kcal/mol].
        target: Target standard error [kcal/mol], or None.
        route: Route whose error it is, if it is not that of the headline.
    """
    whose = f" of the {route} route" if route else ""
    if target is None:
        words = f"No target was set; a standard error{whose} of {stderr:.2f} kcal/mol was reached."
        return verdict("target", True, words)
    told, limit = _apart(stderr, target)
    if stderr <= target:
        words = f"The standard error{whose} {told} is within the target of {limit} kcal/mol."
        return verdict("target", True, words)
    return verdict(
        "target",
        False,
        f"Sampling ended at a standard error{whose} of {told}, the target is {limit} kcal/mol.",
        GO_ON,
    )


def _apart(one: float, other: float) -> tuple[str, str]:
    """Return two numbers with as many decimals, at least two, as it takes to tell them apart."""
    decimals = next((n for n in range(2, 6) if round(one, n) != round(other, n)), 2)
    return f"{one:.{decimals}f}", f"{other:.{decimals}f}"
