# SPDX-License-Identifier: MIT
"""Samples of a path whose free energy is known: a solute in a harmonic solvent, two legs."""

from __future__ import annotations

import numpy as np
import pytest

from merrow.samples import LambdaState, WindowSamples
from merrow.units import thermal_energy

T = 300.0
PATH = (
    LambdaState(1.0, 1.0),
    LambdaState(0.5, 1.0),
    LambdaState(0.0, 1.0),
    LambdaState(0.0, 0.5),
    LambdaState(0.0, 0.0),
)


def make(n: int = 200, repeats: int = 1, seed: int = 0, states=PATH) -> WindowSamples:
    """u/kT = x²/2 + y²/2 + 2·elec·x − 1·lj·y, so F/kT = −2·elec² − lj²/2."""
    rng = np.random.default_rng(seed)
    s = np.tile(np.repeat(np.arange(len(states)), n), repeats)
    lam = np.array(states)
    x = rng.standard_normal(len(s)) - 2.0 * lam[s, 0]
    y = rng.standard_normal(len(s)) + lam[s, 1]
    slopes = np.stack([2.0 * x, -y], axis=1)
    return WindowSamples(
        states=tuple(states),
        temperature=T,
        repeat=np.repeat(np.arange(repeats), n * len(states)),
        replica=s,
        state=s,
        time=np.tile(0.4 * np.arange(n), len(states) * repeats),
        u=slopes @ lam.T - 5.0e4,
        dvdl=slopes * thermal_energy(T),
        internal=rng.standard_normal(len(s)),
        spread=np.full(len(s), np.nan),
        volume=np.full(len(s), 10.0),
        size_slope=np.full(len(s), np.nan),
    )


@pytest.fixture(scope="session")
def path():
    """The function that makes samples of the path."""
    return make
