# SPDX-License-Identifier: MIT
"""What do binding energies say against experiment? Poses joined, columns judged.

An end-point binding energy has no entropy, so its mean error is no verdict: RMSE is told as it is,
and after subtracting the mean error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

import numpy as np

from merrow.campaign.comparison import compare_to_experiment, paired_difference
from merrow.units import KCAL_PER_KJ, thermal_energy

TEMPERATURE = 298.15
SEED = 7
FEWEST_PAIRS = 3
COLUMNS = {"total_kcal": "one trajectory", "with_strain_kcal": "with the guest's strain"}

Row = dict[str, Any]


def combined(values: Sequence[float], stderr: Sequence[float]) -> tuple[float, float]:
    """Return −kT ln Σ exp(−ΔG/kT) over poses and its standard error [kcal/mol]."""
    kt = thermal_energy(TEMPERATURE) * KCAL_PER_KJ
    dg = np.array(values)
    weights = np.exp(-(dg - dg.min()) / kt)
    total = float(dg.min() - kt * np.log(weights.sum()))
    return total, float(np.linalg.norm(weights / weights.sum() * np.array(stderr)))


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """Return rows, poses joined, each column against experiment, and columns in pairs."""
    columns = {name: values for name, values in _columns(rows) if values}
    compared = {name: _against(values) for name, values in columns.items()}
    pairs = []
    for one, two in combinations(columns, 2):
        names = sorted(columns[one].keys() & columns[two].keys())
        ensembles = one.split(", ")[1:] == two.split(", ")[1:]
        if ensembles and len(names) >= FEWEST_PAIRS:
            pairs.append({"first": one, "second": two, **_paired(columns, one, two, names)})
    return {
        "temperature_k": TEMPERATURE,
        "seed": SEED,
        "rows": list(rows),
        "columns": columns,
        "against_experiment": compared,
        "pairs": pairs,
    }


def _columns(rows: Sequence[Row]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what was calculated in one way, by pair; a pair counts once all its poses are there."""
    poses = {row["pair"]: set(row["poses"]) for row in rows}
    for kind in sorted({(row["ensemble"], row["method"]) for row in rows}):
        for key, label in COLUMNS.items():
            found = {}
            for pair, letters in poses.items():
                own = [
                    row
                    for row in rows
                    if (row["pair"], row["ensemble"], row["method"]) == (pair, *kind)
                    and (key == "total_kcal" or row["strain_is_known"])
                ]
                if {row["pose"] for row in own} != letters:
                    continue
                value, stderr = combined(
                    [row[key]["value"] for row in own], [row[key]["stderr"] for row in own]
                )
                known = own[0]["experiment_kcal"]
                found[pair] = {"value": value, "stderr": stderr, "experiment": known["value"]}
            yield f"{kind[0]}, MM-{kind[1].upper()}SA, {label}", found


def _arrays(column: dict[str, Any], names: Sequence[str]) -> list[np.ndarray]:
    return [
        np.array([column[name][key] for name in names]) for key in ("value", "stderr", "experiment")
    ]


def _against(column: dict[str, Any]) -> dict[str, Any]:
    value, stderr, known = _arrays(column, list(column))
    found = asdict(compare_to_experiment(value, stderr, known, rng=np.random.default_rng(SEED)))
    shifted = value - known
    found["rmse_after_mean_error"] = float(np.sqrt(np.mean((shifted - shifted.mean()) ** 2)))
    return found


def _paired(columns: dict[str, Any], one: str, two: str, names: Sequence[str]) -> dict[str, Any]:
    first, _, known = _arrays(columns[one], names)
    second, _, _ = _arrays(columns[two], names)
    return asdict(paired_difference(first, second, known, rng=np.random.default_rng(SEED)))


def text(report: dict[str, Any]) -> str:
    """Return the tables for a terminal [kcal/mol]."""
    lines = ["binding energies without entropy, ± one standard error [kcal/mol]"]
    for name, column in report["columns"].items():
        lines.append(f"{name}:")
        lines += [
            f"  {pair}: {x['value']:.2f} ± {x['stderr']:.2f}, experiment {x['experiment']:.2f}"
            for pair, x in column.items()
        ]
        found = report["against_experiment"][name]
        lines.append(
            f"  {found['n']} pairs: mean error {found['me']['value']:.2f}, RMSE "
            f"{found['rmse']['value']:.2f}, after subtracting the mean error "
            f"{found['rmse_after_mean_error']:.2f}{_told(found)}"
        )
    for pair in report["pairs"]:
        lines.append(
            f"{pair['first']} − {pair['second']}: RMSE {_interval(pair['rmse'])}, n {pair['n']}"
        )
    return "\n".join(lines)


def _told(found: dict[str, Any]) -> str:
    if found["tau"] is None:
        return "; correlations need three pairs"
    return f", R² {_interval(found['r2'])}, τ {_interval(found['tau'])}"


def _interval(x: dict[str, Any]) -> str:
    if x["low"] is None:
        return f"{x['value']:.2f}"
    return f"{x['value']:.2f} [{x['low']:.2f}, {x['high']:.2f}]"
