# SPDX-License-Identifier: MIT
"""Synthetic results with realistic numbers: nothing here was ever simulated."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np

from merrow.engine.segments import GasFrames
from merrow.free_energy.convergence import Convergence
from merrow.free_energy.decorrelate import Correlation
from merrow.free_energy.estimate import ErrorParts, PathEstimate
from merrow.free_energy.stored import Estimate
from merrow.hydration.analysis.gather import SolvatedFrames
from merrow.hydration.protocol import PROTOCOLS
from merrow.hydration.report.page import render_page
from merrow.hydration.result import HydrationResult
from merrow.samples import LambdaState, WindowSamples

ZERO = -506528.0
MEASURED = {"value_kcal": -3.8, "stderr_kcal": 0.6, "source": "FreeSolv 0.52", "name": "acetone"}
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

SETTINGS = {
    "protocol": PROTOCOLS["quick"].model_dump(mode="json") | {"timestep_fs": 2.0},
    "potential_doi": "10.1021/acs.jctc.0c00121",
    "source": {"kind": "smiles", "smiles": "CC(C)=O", "gaff": 2, "charges": "bcc"},
    "n_waters": 324,
    "repeats": 2,
}
VERSIONS = {
    "merrow": "0.1.0",
    "openmm": "8.6.1",
    "pymbar": "4.0.3",
    "AmberTools": "26.0",
    "weights": "ani2x:1f3a9c",
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
        "measured": MEASURED,
        "protocol": protocol,
        "route": route,
        "temperature_k": 298.15,
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
        "settings": dict(SETTINGS),
        "versions": dict(VERSIONS),
        "seeds": {"run": 20250713},
        "wall_s": 492.4,
    }


ELEC = np.array([1.0, 0.75, 0.5, 0.25, 0.0])
LJ = np.array([0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0])
STATES = tuple(LambdaState(*s) for s in [*((e, 1.0) for e in ELEC), *((0.0, x) for x in LJ)])


def synthetic_page(route: str = "direct", protocol: str = "standard", **more: Any) -> str:
    """Return the page of a made-up run."""
    data = synthetic_data()
    result = result_of(synthetic_keys(route, protocol))
    return render_page(result, data.analysis, data.convergence, **more)


def synthetic_data() -> SimpleNamespace:
    """Return everything that the figures show, from formulas and one seeded generator."""
    rng = np.random.default_rng(20250713)
    samples = synthetic_samples(rng)
    everything = np.ones(len(samples), dtype=bool)
    k = len(STATES)
    near = np.exp(-0.9 * np.subtract.outer(np.arange(k), np.arange(k)) ** 2)
    path = PathEstimate(
        -3.13,
        0.09,
        method="MBAR",
        states=STATES,
        errors=ErrorParts(0.09, None, None),
        legs={},
        profile_kcal=np.linspace(-3.13, 0.0, k),
        profile_stderr_kcal=np.linspace(0.09, 0.0, k),
        overlap=near / near.sum(axis=1, keepdims=True),
        n_independent=len(samples),
    )
    fractions = tuple(np.linspace(0.1, 1.0, 10).tolist())
    parts = [
        tuple(Estimate(-3.13 + rng.normal() * 0.1 * (1 - f), 0.09 / f**0.5) for f in fractions)
        for _ in range(2)
    ]
    gas = GasFrames(
        np.zeros((400, 1, 3)), ZERO + 40.0 + 9.0 * rng.random(400), np.zeros(400, dtype=int), None
    )
    water = SolvatedFrames(samples, np.zeros((40, 1, 3)), np.arange(40), None)
    analysis = SimpleNamespace(
        samples=samples,
        rows=Correlation(everything, everything, np.ones((1, k)), 0),
        path=path,
        water=water,
        gas=gas,
    )
    convergence = Convergence(fractions, *parts, None, None)
    return SimpleNamespace(analysis=analysis, convergence=convergence)


def synthetic_samples(rng: np.random.Generator) -> WindowSamples:
    """Return forty rows of each state."""
    k = len(STATES)
    state = np.repeat(np.arange(k), 40)
    n = len(state)
    elec, lj = np.array(STATES)[state].T
    slopes = np.column_stack([-43.0 * elec, 100.0 * lj * np.exp(-((lj / 0.35) ** 2))])
    return WindowSamples(
        STATES,
        298.15,
        repeat=np.zeros(n, dtype=int),
        replica=state,
        state=state,
        time=np.tile(0.4 * np.arange(1, 41), k),
        u=np.zeros((n, k)),
        dvdl=slopes + rng.normal(size=(n, 2)),
        internal=ZERO + 40.0 + 9.0 * rng.random(n),
        spread=np.full(n, np.nan),
        volume=np.full(n, 10.0),
        size_slope=np.zeros(n),
    )
