# SPDX-License-Identifier: MIT
"""Which free energies are known exactly? One internal coordinate x, one solvent coordinate y.

U(x, y; e, l) = E(x) + Kb y²/2 + e·(−g x) + l·(w x²/2 − c x y), in kcal/mol; E is the solute's
internal energy, y integrates out in closed form, x on a grid. "One leg" scales both brackets with
the same λ (states (λ, 1)); "two legs" switches −g x first ("charging") and the rest second ("lj").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from merrow.samples import LambdaState, WindowSamples
from merrow.units import KJ_PER_KCAL, thermal_energy

T = 298.15
KT = thermal_energy(T) / KJ_PER_KCAL
X = np.linspace(-4.0, 4.0, 8001)
DX = X[1] - X[0]
COUPLED, CORNER, GONE = LambdaState(1.0, 1.0), LambdaState(0.0, 1.0), LambdaState(0.0, 0.0)

Energy = Callable[[np.ndarray], np.ndarray]


def harmonic(k: float, x0: float = 0.0) -> Energy:
    return lambda x: 0.5 * k * (x - x0) ** 2


def two_conformers(h: float, d: float) -> Energy:
    return lambda x: h * (x * x - 1.0) ** 2 + d * x


def line(values: Sequence[float]) -> tuple[LambdaState, ...]:
    """States of one leg, coupled first."""
    return tuple(LambdaState(float(v), 1.0) for v in sorted(values, reverse=True))


@dataclass(frozen=True)
class Model:
    """The toy; `two_legs` says how the λ of a state scale the two brackets."""

    energy: Energy
    g: float = 0.0
    c: float = 0.0
    w: float = 0.0
    kb: float = 10.0
    two_legs: bool = False

    def couplings(self, state: LambdaState) -> tuple[float, float]:
        return (
            (state.lambda_electrostatics, state.lambda_sterics)
            if self.two_legs
            else (state.lambda_electrostatics, state.lambda_electrostatics)
        )

    def pmf(self, state: LambdaState) -> np.ndarray:
        first, second = self.couplings(state)
        coupling = -first * self.g * X + 0.5 * second * self.w * X**2
        return self.energy(X) + coupling - (second * self.c * X) ** 2 / (2 * self.kb)

    def probability(self, state: LambdaState) -> np.ndarray:
        f = self.pmf(state)
        p = np.exp(-(f - f.min()) / KT)
        return p / p.sum()

    def free_energy(self, state: LambdaState) -> float:
        f = self.pmf(state)
        return float(f.min() - KT * np.log(np.exp(-(f - f.min()) / KT).sum() * DX))

    def mean(self, of: np.ndarray, state: LambdaState) -> float:
        return float((self.probability(state) * of).sum())

    def exact(self, coupled: LambdaState = COUPLED, decoupled: LambdaState = CORNER) -> float:
        return self.free_energy(coupled) - self.free_energy(decoupled)

    def mean_energy_change(
        self, coupled: LambdaState = COUPLED, decoupled: LambdaState = CORNER
    ) -> float:
        """⟨E⟩ coupled − ⟨E⟩ decoupled: the term that is added "as published"."""
        e = self.energy(X)
        return self.mean(e, coupled) - self.mean(e, decoupled)

    def mean_slope(self, lam: float) -> float:
        """⟨∂U/∂λ⟩ on the one-leg path."""
        slope = -self.g * X + 0.5 * self.w * X**2 - lam * (self.c * X) ** 2 / self.kb
        return self.mean(slope, LambdaState(lam, 1.0))


def autoregressive(n: int, rho: float, rng: np.random.Generator) -> np.ndarray:
    """A stationary series of standard normals with correlation rho between neighbours."""
    z = rng.standard_normal(n)
    if rho:
        for i in range(1, n):
            z[i] = rho * z[i - 1] + np.sqrt(1.0 - rho * rho) * z[i]
    return z


def draw(model: Model, state: LambdaState, n: int, rng: np.random.Generator, rho: float = 0.0):
    """Return x and y [shape (n,)] exactly distributed in a state, with a given memory."""
    x = np.interp(ndtr(autoregressive(n, rho, rng)), np.cumsum(model.probability(state)), X)
    y = autoregressive(n, rho, rng) * np.sqrt(KT / model.kb)
    return x, y + model.couplings(state)[1] * model.c * x / model.kb


def sample(
    model: Model,
    states: Sequence[LambdaState],
    n: int,
    rng: np.random.Generator,
    *,
    repeats: int = 1,
    rho: float = 0.0,
) -> WindowSamples:
    """Return n rows of every state and repeat, as a simulation would record them."""
    rows = [
        (r, k, *draw(model, s, n, rng, rho)) for r in range(repeats) for k, s in enumerate(states)
    ]
    x, y = np.concatenate([row[2] for row in rows]), np.concatenate([row[3] for row in rows])
    first, second = -model.g * x, 0.5 * model.w * x**2 - model.c * x * y
    couplings = np.array([model.couplings(s) for s in states])
    u = (np.outer(first, couplings[:, 0]) + np.outer(second, couplings[:, 1])) / KT
    slopes = (first, second) if model.two_legs else (first + second, np.zeros_like(first))
    return WindowSamples(
        states=tuple(states),
        temperature=T,
        repeat=np.repeat([row[0] for row in rows], n),
        replica=np.repeat([row[1] for row in rows], n),
        state=np.repeat([row[1] for row in rows], n),
        time=np.tile(0.2 * np.arange(n), len(rows)),
        u=u + 3.0e4,
        dvdl=np.stack(slopes, axis=1) * KJ_PER_KCAL,
        internal=model.energy(x) * KJ_PER_KCAL - 1.0e5,
        spread=np.full(len(x), np.nan),
        volume=np.full(len(x), 10.0),
        size_slope=np.full(len(x), np.nan),
    )
