# SPDX-License-Identifier: MIT
"""Errors of potentials against a reference, their standard errors, and a recommendation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from merrow.potentials.interface import Array, Evaluation
from merrow.uncertainty import jackknife_variance


@dataclass(frozen=True, eq=False)
class GeometryErrors:
    """Individual errors of a potential on K geometries of N atoms.

    Attributes:
        energies: Errors of the energies less their mean [kcal/mol], shape (K,).
        forces: Errors of the forces [kcal/mol/Å], shape (K, N, 3).
        spread: Ensemble standard deviation of the energies [kcal/mol], shape (K,), or None.
    """

    energies: Array
    forces: Array
    spread: Array | None

    @property
    def squares(self) -> Array:
        """Mean square of the force components of each geometry [kcal²/mol²/Å²], shape (K,)."""
        return np.asarray((self.forces**2).mean(axis=(1, 2)))


@dataclass(frozen=True)
class PotentialErrors:
    """Error statistics of a potential against the reference.

    Attributes:
        name: Name of the potential.
        ms: Time for energy and forces per conformer in a batch [ms].
        energy_rmse: RMSE of energy differences between geometries [kcal/mol].
        energy_stderr: Its standard error, by jackknife over the geometries [kcal/mol].
        torsion_rmse: RMSE of energy profiles of rotatable bonds [kcal/mol]; None without any.
        force_rmse: RMSE of force components [kcal/mol/Å].
        force_stderr: Its standard error [kcal/mol/Å].
        spread: Mean ensemble standard deviation [kcal/mol], or None.
        frequency_rmse: RMSE of harmonic frequencies, each at its own minimum [cm⁻¹], or None.
        frequency_problem: Reason why requested frequencies are missing, or "".
        n_geometries: Number of geometries behind the errors of energies and forces.
        problem: Reason why there are no numbers, or "".
        errors: The individual errors, for a figure.
    """

    name: str
    ms: float | None = None
    energy_rmse: float | None = None
    energy_stderr: float | None = None
    torsion_rmse: float | None = None
    force_rmse: float | None = None
    force_stderr: float | None = None
    spread: float | None = None
    frequency_rmse: float | None = None
    frequency_problem: str = ""
    n_geometries: int = 0
    problem: str = ""
    errors: GeometryErrors | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers by name, without the individual errors."""
        names = (one.name for one in fields(self) if one.name != "errors")
        return {name: getattr(self, name) for name in names}


def potential_errors(
    name: str, answer: Evaluation, truth: Evaluation, ms: float
) -> PotentialErrors:
    """Return the error statistics of a potential against the reference.

    Args:
        name: Name of the potential.
        answer: Its energies and forces of K geometries.
        truth: Those of the reference.
        ms: Time per conformer [ms].
    """
    difference = answer.energies - truth.energies
    errors = GeometryErrors(
        difference - difference.mean(), answer.forces - truth.forces, answer.spread
    )
    return PotentialErrors(
        name,
        ms=ms,
        energy_rmse=rmse(answer, truth),
        energy_stderr=_jackknife(difference, np.std),
        force_rmse=float(np.sqrt(errors.squares.mean())),
        force_stderr=_jackknife(errors.squares, lambda x: np.sqrt(x.mean())),
        spread=None if answer.spread is None else float(answer.spread.mean()),
        n_geometries=len(difference),
        errors=errors,
    )


def rmse(answer: Evaluation, truth: Evaluation) -> float:
    """Return the root mean square error of energies less their mean [kcal/mol]."""
    return float((answer.energies - truth.energies).std())


def _jackknife(values: Array, statistic: Callable[[Array], Any]) -> float | None:
    """Return the standard error of a statistic of independent rows, None below three rows."""
    if len(values) < 3:
        return None
    return float(np.sqrt(jackknife_variance(np.split(values, len(values)), statistic)))


def recommendation(rows: Sequence[PotentialErrors], reference: str) -> str:
    """Return the recommendation with its numbers, as a sentence.

    Args:
        rows: The potentials, in order of force errors.
        reference: Name of the reference.
    """
    compared = [row for row in rows if not row.problem]
    if not compared:
        return f"No potential here could be compared with {reference}."
    best, *others = compared
    said = (
        f"Closest to {reference} is {best.name}: forces within "
        f"{_number(best.force_rmse, best.force_stderr)} kcal/mol/Å, energy differences within "
        f"{_number(best.energy_rmse, best.energy_stderr)} kcal/mol (RMSE ± standard error, "
        f"{best.n_geometries} geometries), {best.ms:.1f} ms each"
    )
    if others:
        said += (
            f"; next is {others[0].name}, {_number(others[0].force_rmse, others[0].force_stderr)}"
        )
        said += f" kcal/mol/Å and {others[0].ms:.1f} ms"
        said += ", which these geometries do not distinguish" * _is_tie(best, others[0])
    return (
        f"{said}; a potential that was fitted to a better theory than the reference should not "
        "agree with it exactly."
    )


def _number(value: float | None, error: float | None) -> str:
    said = "?" if value is None else f"{value:.2f}"
    return said if error is None else f"{said} ± {error:.2f}"


def _is_tie(best: PotentialErrors, other: PotentialErrors) -> bool:
    """Tell whether two force errors differ by less than two standard errors.

    Both are from the same geometries, so the standard error is that of the paired difference.
    """
    if best.errors is None or other.errors is None:
        return False
    squares = np.stack([one.squares for one in (best.errors, other.errors)], axis=1)
    gap = float(_gap(squares))
    error = _jackknife(squares, _gap)
    return error is None or gap < 2 * error


def _gap(squares: Array) -> Any:
    """Return the difference of two RMSEs from squares of shape (K, 2)."""
    return np.diff(np.sqrt(squares.mean(axis=0)))[0]
