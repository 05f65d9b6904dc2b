# SPDX-License-Identifier: MIT
"""Synthetic results with realistic numbers: nothing here was ever simulated."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from merrow.hydration.report.data import (
    Convergence,
    DvdlCurve,
    EnergySeries,
    InternalEnergies,
    Overlap,
    ReportData,
    StateProfile,
)
from merrow.hydration.result import HydrationResult

BOUNDS = {
    "water": {
        "lower_kcal": -2.53,
        "df_kcal": -1.702,
        "upper_kcal": 0.12,
        "stderr_kcal": 0.048,
    },
    "gas": {"lower_kcal": -2.65, "df_kcal": -1.832, "upper_kcal": -0.09, "stderr_kcal": 0.032},
    "reference_kcal": -121063.25,
}


def result_of(keys: Any) -> HydrationResult:
    """Return a result as it is read from a file with these keys."""
    return HydrationResult.model_validate_json(json.dumps(keys))


def synthetic_keys(
    route: str = "direct", protocol: str = "standard", potential: str = "ani2x"
) -> Any:
    """Return the plain keys of a result that was made up."""
    exact = {"value_kcal": -3.134, "stderr_kcal": 0.092}
    published = {"value_kcal": -2.897, "stderr_kcal": 0.171}
    direct = route == "direct"
    estimates: dict[str, Any] = {
        "decoupling_mbar": exact if direct else None,
        "decoupling_ti": {"value_kcal": -3.168, "stderr_kcal": 0.101} if direct else None,
        "endpoint_bar": None if direct else exact,
        "mm_reference": None if direct else {"value_kcal": -3.264, "stderr_kcal": 0.073},
        "as_published": None if potential == "mm" else published,
    }
    method = "decoupling_mbar" if direct else "endpoint_bar"
    if protocol == "paper":
        method = "as_published"
    return {
        "molecule": {"smiles": "CC(C)=O", "formula": "C3H6O", "charge": 0, "n_atoms": 10},
        "potential": potential,
        "charges": "bcc",
        "protocol": protocol,
        "route": route,
        "temperature_kelvin": 298.15,
        "headline": {**estimates[method], "method": method},
        "estimates": estimates,
        "legs": {
            "charging": {"value_kcal": -5.211, "stderr_kcal": 0.061},
            "lj": {"value_kcal": 2.077, "stderr_kcal": 0.069},
        },
        "de_reorg": None if potential == "mm" else {"value_kcal": 0.271, "stderr_kcal": 0.138},
        "diagnostics": {
            "min_overlap": 0.172,
            "verdicts": [
                {
                    "name": "overlap",
                    "status": "pass",
                    "message": "every pair of neighbours overlaps by at least 0.03",
                },
                {
                    "name": "conformers",
                    "status": "warn",
                    "message": "gas populations from two starts differ by 2.3 standard errors",
                    "advice": "run longer: repeat the command with a smaller --stderr",
                },
            ],
            "gibbs_bogoliubov": None if direct else BOUNDS,
            "statistical_inefficiency": 1.82,
            "n_effective": 4210,
        },
        "settings": {"timestep_fs": 2.0, "box": {"waters": 324, "cutoff_angstrom": 8.0}},
        "versions": {"merrow": "0.1.0", "openmm": "8.6.1", "weights": "ani2x:1f3a9c"},
        "seeds": {"run": 20250713},
        "wall_s": 492.4,
    }


def synthetic_data(route: str = "direct", protocol: str = "standard") -> ReportData:
    """Return everything that a page shows, from formulas and one seeded generator."""
    rng = np.random.default_rng(20250713)
    elec = np.array([1.0, 0.75, 0.5, 0.25, 0.0])
    lj = np.array([1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
    labels = tuple(f"{x:g} | 1" for x in elec) + tuple(f"0 | {x:g}" for x in lj[1:])
    k = len(labels)
    near = np.exp(-0.9 * np.subtract.outer(np.arange(k), np.arange(k)) ** 2)
    profile = np.concatenate([2.08 - 5.21 * elec**2, 2.08 * np.sin(np.pi / 2 * lj[1:] ** 0.7)])
    fraction = np.linspace(0.1, 1.0, 10)
    width = 0.09 / np.sqrt(fraction)
    time = np.arange(0.0, 80.0, 0.2)
    zero = -121063.25
    return ReportData(
        result=result_of(synthetic_keys(route, protocol)),
        dvdl=(
            DvdlCurve("charging", elec, -10.4 * elec, 0.1 + 0.2 * elec),
            DvdlCurve("Lennard-Jones", lj, 25 * lj * np.exp(-((lj / 0.35) ** 2)), 0.3 * lj + 0.05),
        ),
        profile=StateProfile(labels, profile, np.linspace(0.09, 0.0, k)),
        overlap=Overlap(labels, near / near.sum(axis=1, keepdims=True)),
        convergence=Convergence(
            fraction,
            -3.13 + width * rng.normal(size=10) * (1 - fraction),
            width,
            -3.13 + width * rng.normal(size=10) * (1 - fraction),
            width,
        ),
        internal=InternalEnergies(
            EnergySeries(time, zero + 9.27 + 2.3 * rng.normal(size=time.size)),
            EnergySeries(time, zero + 9.0 + 2.3 * rng.normal(size=time.size)),
            zero,
            "the minimised starting structure",
        ),
        potential_doi="10.1021/acs.jctc.0c00121",
    )
