# SPDX-License-Identifier: MIT
"""Statistics of a campaign: every column against experiment, and pairs of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merrow.campaign.comparison import (
    Array,
    compare_to_experiment,
    known_mean_square_root,
    paired_difference,
)
from merrow.campaign.report.data import CampaignRow, ClassErrors, Comparison, Pair
from merrow.campaign.rows import Reference
from merrow.free_energy.stored import Estimate

MM = "mm"
SEED = 30
"""Seed of the resampling, so that equal tables give equal intervals."""
LEAST_PAIRED = 3
"""Minimum number of molecules for a comparison of two columns."""


@dataclass(frozen=True)
class _Column:
    """A column of values.

    Attributes:
        label: Method of the values.
        values: (value, standard error) [kcal/mol] by molecule; None for an unknown error.
    """

    label: str
    values: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True)
class Statistics:
    """Comparisons with experiment, pairs of columns, and classes of compounds."""

    comparisons: tuple[Comparison, ...]
    pairs: tuple[Pair, ...]
    classes: tuple[ClassErrors, ...]
    expt_stderr_kcal: float | None


def statistics(rows: Sequence[CampaignRow], potential: str) -> Statistics:
    """Return the statistics of the finished runs.

    Args:
        rows: The table.
        potential: Name of the potential.
    """
    done = [row for row in rows if row.status == "done"]
    measured = {row.name: row.experiment for row in done if row.experiment is not None}
    expt = {name: value.value_kcal for name, value in measured.items()}
    kinds = {row.name: row.kind for row in done}
    errors = np.array([v.stderr_kcal for v in measured.values()], dtype=np.float64)
    columns = [column for column in _columns(done, potential) if column.values]
    comparisons = tuple(_comparison(c, expt) for c in columns if expt.keys() & c.values)
    return Statistics(
        comparisons=comparisons,
        pairs=tuple(_pairs(columns, expt)),
        classes=tuple(_classes(comparisons, kinds)),
        expt_stderr_kcal=known_mean_square_root(errors),
    )


def _columns(done: Sequence[CampaignRow], potential: str) -> Iterator[_Column]:
    """Yield the calculated columns by charge model, then the published ones.

    A column without a qualifier is the free energy of the Hamiltonian, whatever the headline is.
    """
    name = "MM" if potential == MM else potential
    for charges in dict.fromkeys(row.charges for row in done):
        own = [row for row in done if row.charges == charges]
        yield _column(f"{name}, {charges}", {row.name: row.exact for row in own})
        if potential != MM:
            found = {row.name: row.estimates for row in own}
            mm = {molecule: one.mm_reference for molecule, one in found.items()}
            yield _column(f"MM, {charges}", mm)
            published = {molecule: one.as_published for molecule, one in found.items()}
            yield _column(f"{name}, {charges}, published sum", published)
    for label in sorted({label for row in done for label in row.references}):
        given = {row.name: row.references[label] for row in done if label in row.references}
        yield _column(f"{label} (published)", given)


def _column(label: str, found: Mapping[str, Estimate | Reference | None]) -> _Column:
    """Return a column of the available values."""
    there = {name: value for name, value in found.items() if value is not None}
    return _Column(label, {k: (v.value_kcal, v.stderr_kcal) for k, v in there.items()})


def _arrays(column: _Column, names: Sequence[str]) -> tuple[Array, Array]:
    """Return values and standard errors, NaN where unknown [kcal/mol]."""
    found = np.array([column.values[name] for name in names], dtype=np.float64)
    return found[:, 0], found[:, 1]


def _comparison(column: _Column, expt: Mapping[str, float]) -> Comparison:
    names = [name for name in column.values if name in expt]
    values, errors = _arrays(column, names)
    reference = np.array([expt[name] for name in names])
    return Comparison(
        column.label,
        dict(zip(names, (values - reference).tolist(), strict=True)),
        {name: column.values[name][1] for name in names},
        compare_to_experiment(values, errors, reference, rng=np.random.default_rng(SEED)),
    )


def _pairs(columns: Sequence[_Column], expt: Mapping[str, float]) -> Iterator[Pair]:
    """Yield each calculated column against MM, the other charges and the published columns.

    Molecules with an experimental value are used if there are enough, else all, without errors.
    """
    for i, first in enumerate(columns):
        for second in columns[i + 1 :]:
            both = [name for name in first.values if name in second.values]
            if len(both) < LEAST_PAIRED or not _belong(first, second):
                continue
            measured = [name for name in both if name in expt]
            names = measured if len(measured) >= LEAST_PAIRED else both
            (one, _), (two, _) = (_arrays(column, names) for column in (first, second))
            known = np.array([expt[name] for name in names]) if names is measured else None
            difference = paired_difference(one, two, known, rng=np.random.default_rng(SEED))
            yield Pair(first.label, second.label, difference)


def _belong(first: _Column, second: _Column) -> bool:
    """Tell whether two columns should be compared: they differ in one respect, or are both ours."""
    if second.label.endswith("(published)"):
        return not first.label.endswith("(published)")
    same = [a == b for a, b in zip(_parts(first.label), _parts(second.label), strict=True)]
    return sum(same) == len(same) - 1


def _parts(label: str) -> tuple[str, str, str]:
    potential, _, rest = label.partition(", ")
    charges, _, kind = rest.partition(", ")
    return potential, charges, kind


def _classes(comparisons: Sequence[Comparison], kinds: Mapping[str, str]) -> Iterator[ClassErrors]:
    for kind in sorted(set(kinds.values())):
        for comparison in comparisons:
            errors = [e for name, e in comparison.errors.items() if kinds.get(name) == kind]
            if errors:
                yield ClassErrors(
                    kind,
                    comparison.label,
                    len(errors),
                    float(np.mean(errors)),
                    float(np.mean(np.abs(errors))),
                )
