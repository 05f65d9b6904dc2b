# SPDX-License-Identifier: MIT
"""Why do "decoupling" and "as published" differ? An exactly solvable solute in a linear solvent.

U(x, y; λ) = E(x) + ½ K y² + λ (−g x + ½ w x² − c x y); y is the solvent and integrates out, x is
the solute. Every number below is an integral over x, so it has no sampling error.
"""

from __future__ import annotations

import numpy as np

from merrow.units import KJ_PER_KCAL, thermal_energy

KT = thermal_energy(298.15) / KJ_PER_KCAL
K = 10.0
X = np.linspace(-4.0, 4.0, 8001)
NODES, WEIGHTS = np.polynomial.legendre.leggauss(40)

CASES = {
    "harmonic, g = 4": (10.0 * X**2, 4.0, 0.0, 0.0),
    "harmonic, g = 8": (10.0 * X**2, 8.0, 0.0, 0.0),
    "stiffening, w = 20": (10.0 * X**2, 0.0, 20.0, 0.0),
    "two conformers, g = 1": (3.0 * (X**2 - 1.0) ** 2 + X, 1.0, 0.0, 4.0),
    "two conformers, g = 2": (3.0 * (X**2 - 1.0) ** 2 + X, 2.0, 0.0, 4.0),
    "two conformers, g = 4": (3.0 * (X**2 - 1.0) ** 2 + X, 4.0, 0.0, 4.0),
}


def solve(energy: np.ndarray, g: float, w: float, c: float) -> tuple[float, float, float]:
    """Return exact ΔG, the TI integral and ΔE = ⟨E⟩_1 − ⟨E⟩_0, all in kcal/mol."""

    def boltzmann(lam: float) -> tuple[np.ndarray, float]:
        pmf = energy + lam * (-g * X + w * X**2 / 2) - (lam * c * X) ** 2 / (2 * K)
        weight = np.exp(-(pmf - pmf.min()) / KT)
        return weight / weight.sum(), pmf.min() - KT * np.log(weight.sum())

    def slope(lam: float) -> float:
        return boltzmann(lam)[0] @ (-g * X + w * X**2 / 2 - lam * (c * X) ** 2 / K)

    exact = boltzmann(1.0)[1] - boltzmann(0.0)[1]
    integral = sum(v / 2 * slope((n + 1) / 2) for n, v in zip(NODES, WEIGHTS, strict=True))
    return exact, integral, boltzmann(1.0)[0] @ energy - boltzmann(0.0)[0] @ energy


def main() -> None:
    """Print the table of docs/explanation/two-numbers.md."""
    print(f"{'model':24s}{'exact':>9s}{'TI':>9s}{'dE':>9s}{'TI + dE':>9s}{'error':>9s}")
    for name, case in CASES.items():
        exact, integral, rise = (round(v, 3) + 0.0 for v in solve(*case))
        total = round(integral + rise, 3) + 0.0
        off = round(total - exact, 3) + 0.0
        print(f"{name:24s}{exact:9.3f}{integral:9.3f}{rise:9.3f}{total:9.3f}{off:9.3f}")


if __name__ == "__main__":
    main()
