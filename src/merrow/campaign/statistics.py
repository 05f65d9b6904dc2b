# SPDX-License-Identifier: MIT
"""What does a campaign's table say as a whole? Every column against experiment, and in pairs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merrow.campaign.comparison import Array, compare_to_experiment, paired_difference
from merrow.campaign.report.data import CampaignRow, ClassErrors, Comparison, Pair

MM = "mm"
SEED = 30
"""Seed of the resampling, so that equal tables give equal intervals."""
LEAST_PAIRED = 3
"""Molecules from which on two columns are compared."""


@dataclass(frozen=True)
class _Column:
    """Values of one kind.

    Attributes:
        label: What was calculated.
        values: (value, standard error) [kcal/mol] by molecule; an error that is not known is zero.
    """

    label: str
    values: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class Statistics:
    """Comparisons with experiment, pairs of columns, and classes of compounds."""

    comparisons: tuple[Comparison, ...]
    pairs: tuple[Pair, ...]
    classes: tuple[ClassErrors, ...]
    expt_stderr_kcal: float | None


def statistics(rows: Sequence[CampaignRow], potential: str) -> Statistics:
    """Return everything that can be said about the finished runs.

    Args:
        rows: The table.
        potential: Name of the potential.
    """
    done = [row for row in rows if row.status == "done"]
    expt = {row.name: row.expt_kcal for row in done if row.expt_kcal is not None}
    kinds = {row.name: row.kind for row in done}
    uncertain = {row.name: row.expt_stderr_kcal for row in done if row.name in expt}
    known = [value for value in uncertain.values() if value is not None]
    columns = [column for column in _columns(done, potential) if column.values]
    comparisons = tuple(_comparison(c, expt) for c in columns if expt.keys() & c.values)
    return Statistics(
        comparisons=comparisons,
        pairs=tuple(_pairs(columns, expt)),
        classes=tuple(_classes(comparisons, kinds)),
        expt_stderr_kcal=math.sqrt(np.mean(np.square(known))) if known else None,
    )


def _columns(done: Sequence[CampaignRow], potential: str) -> Iterator[_Column]:
    """Yield our own columns by charge model, then the published ones.

    A column without another word is the free energy of the Hamiltonian, whatever the headline is.
    """
    name = "MM" if potential == MM else potential
    for charges in dict.fromkeys(row.charges for row in done):
        own = [row for row in done if row.charges == charges]
        control = f"MM, {charges}"
        values = {row.name: _value(*row.exact) for row in own}
        yield _Column(f"{name}, {charges}", _known(values))
        if potential != MM:
            values = {row.name: _value(row.mm_kcal, row.mm_stderr_kcal) for row in own}
            yield _Column(control, _known(values))
            values = {
                row.name: _value(row.as_published_kcal, row.as_published_stderr_kcal) for row in own
            }
            yield _Column(f"{name}, {charges}, published sum", _known(values))
    for label in sorted({label for row in done for label in row.references}):
        given = {row.name: row.references[label] for row in done if label in row.references}
        yield _Column(
            f"{label} (published)",
            {k: (value, error or 0.0) for k, (value, error) in given.items()},
        )


def _value(value: float | None, stderr: float | None) -> tuple[float, float] | None:
    return None if value is None or stderr is None else (value, stderr)


def _known(values: Mapping[str, tuple[float, float] | None]) -> dict[str, tuple[float, float]]:
    return {name: value for name, value in values.items() if value is not None}


def _arrays(column: _Column, names: Sequence[str]) -> tuple[Array, Array]:
    found = np.array([column.values[name] for name in names])
    return found[:, 0], found[:, 1]


def _comparison(column: _Column, expt: Mapping[str, float]) -> Comparison:
    names = [name for name in column.values if name in expt]
    values, errors = _arrays(column, names)
    reference = np.array([expt[name] for name in names])
    return Comparison(
        column.label,
        dict(zip(names, (values - reference).tolist(), strict=True)),
        dict(zip(names, errors.tolist(), strict=True)),
        compare_to_experiment(values, errors, reference, rng=np.random.default_rng(SEED)),
    )


def _pairs(columns: Sequence[_Column], expt: Mapping[str, float]) -> Iterator[Pair]:
    """Yield each of our columns against its control, the other charges and the published ones.

    On the molecules with a measured value, where there are enough; else on all, without errors.
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
    """Tell whether two columns are worth a comparison: they differ in one respect, or are ours."""
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
