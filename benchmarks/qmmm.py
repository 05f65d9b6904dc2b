# SPDX-License-Identifier: MIT
"""How much faster is a machine-learned potential than the quantum chemistry that it replaces?

The same conformers, one after the other as in molecular dynamics, in one run on one thread: energy
and forces by PySCF (with and without density fitting; from the atomic guess, and with the density
of the step before) and by machine-learned potentials. Times are CPU time of the process, median
over steps. PySCF is set as its users run it: SCF tolerance 1e-9 Hartree, gradients without the
response of the grid. On frames of a longer trajectory, errors of energies (differences within a
molecule) and forces against the same theory; these frames, solved from the atomic guess without
fitting, also give the time of that. `ratio_vs_pyscf` is ANI-2x for toluene against the
fastest of the four. Mechanical embedding adds the same MM step to both: --mm-step-ms.

It takes hours of one core. With --folder every row and every frame's energy and gradient are kept
there, and the same command goes on; a row's times are of one process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import geometry, header, parser, save, show
from numpy.typing import NDArray
from rdkit import Chem

from merrow.files import atomic_write
from merrow.potentials import Molecule, Potential, load_potential
from merrow.potentials.qm import QmEngine, Solution, Theory, read_theory
from merrow.units import BOHR_ANGSTROM, HARTREE_KCAL, KJ_PER_KCAL, thermal_energy

Array = NDArray[np.float64]
FRAMES = {"methanol": 50, "toluene": 20, "paracetamol": 5, "erlotinib": 0}
SCF_TOLERANCE = 1e-9  # Hartree, PySCF's own default
TEMPERATURE = 298.15
TIMESTEP = 0.001  # ps
SPACING = 20  # steps between two frames whose errors are looked at
MASSES = Chem.GetPeriodicTable()


@dataclass(frozen=True)
class Row:
    """One method on one molecule; times in ms of CPU, errors against the theory without fitting."""

    molecule: str
    n_atoms: int
    method: str
    ms: float
    iterations: float | None = None
    energy_rmse_kcal: float | None = None
    force_rmse_kcal: float | None = None
    spread_kcal: float | None = None


def main() -> None:
    """Measure, print, write the JSON where asked."""
    arguments = parser(
        __doc__,
        "json",
        molecules={"nargs": "+", "choices": FRAMES, "default": list(FRAMES)[:3]},
        potentials={"nargs": "+", "default": ["ani2x", "aimnet2"]},
        theory={"default": "qm:wb97x/6-31g*", "help": "without /df"},
        steps={"type": int, "default": 5, "help": "the first only warms up, unless 1"},
        frames={"type": int, "help": "frames for errors; by molecule if not given"},
        fitting_only={"action": "store_true", "help": "no four-centre integrals"},
        mm_step_ms={"type": float, "help": "cost of the MM step, for ratios per step"},
        folder={"type": Path, "help": "keep what is done, and go on from it"},
        tiny={"action": "store_true", "help": "methanol, HF/STO-3G: does it run?"},
        output={"type": Path, "help": "write the JSON to this file as well"},
    ).parse_args()
    torch.set_num_threads(1)
    if arguments.tiny:
        arguments.molecules, arguments.theory = ["methanol"], "qm:hf/sto-3g"
        arguments.steps, arguments.frames = 2, 2
    rows = [row for name in arguments.molecules for row in measure(name, arguments)]
    report = {
        "theory": arguments.theory,
        "scf_tolerance_hartree": SCF_TOLERANCE,
        **ratios(rows, arguments.potentials, arguments.mm_step_ms),
        "rows": [asdict(row) for row in rows],
        "environment": header() | {"pyscf": version("pyscf")},
    }
    if arguments.output:
        save("qmmm", report, arguments.output)
    if arguments.json:
        show(report)
    else:
        print(table(rows))


def measure(name: str, arguments: argparse.Namespace) -> list[Row]:
    """Return the rows of one molecule."""
    molecule, start = geometry(name)
    driver = load_potential(arguments.potentials[0], molecule)
    path = trajectory(driver, molecule, start, arguments.steps)
    n_frames = FRAMES[name] if arguments.frames is None else arguments.frames
    frames = trajectory(driver, molecule, path[-1], n_frames * SPACING)[::SPACING][:n_frames]
    theory = read_theory(arguments.theory)
    exact, fitted = (
        _engine(Theory(theory.method, theory.basis, f), molecule) for f in (False, True)
    )
    rows, n = [], len(molecule.numbers)
    keys = [(arguments.theory, "frame", x) for x in frames]
    solved = [kept(arguments.folder, k, partial(solve, exact, k[-1])) for k in keys]
    truth = [(energy, gradient) for energy, gradient, _, _ in solved]
    engines = ((exact, ""), (fitted, ", density fitting"))
    for engine, told in engines[1:] if arguments.fitting_only else engines:
        for warm in (False, True) if len(path) > 1 else (False,):
            start_word = "last density" if warm else "atomic guess"
            method = f"pyscf{told}, {start_word}"
            if engine is exact and not warm and solved:  # the frames were solved so
                ms, iterations = (statistics.median(each[k] for each in solved) for k in (2, 3))
            else:
                timed = partial(time_qm, engine, path, warm=warm)
                ms, iterations = kept(arguments.folder, (arguments.theory, method, path), timed)
            rows.append(Row(name, n, method, ms, iterations))
    for each in arguments.potentials:
        potential = load_potential(each, molecule)
        ms = time_calls([partial(potential.evaluate, x[None]) for x in path])
        rows.append(Row(name, n, each, ms, None, *errors(potential, frames, truth)))
    return rows


def kept(folder: Path | None, key: tuple[object, ...], work: Callable[[], Any]) -> Any:
    """Return what was done under a key before, or do it now and keep it as JSON."""
    if folder is None:
        return work()
    told = "".join(
        part.tobytes().hex() if isinstance(part, np.ndarray) else str(part) for part in key
    )
    path = folder / f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        atomic_write(path, json.dumps(work()))
    return json.loads(path.read_text())


def solve(engine: QmEngine, conformer: Array) -> tuple[float, list[list[float]], float, int]:
    """Return energy [Hartree], gradient [Hartree/bohr], CPU time [ms] and SCF iterations."""
    begin = time.process_time()
    found = engine.solve(conformer)
    ms = 1e3 * (time.process_time() - begin)
    return found.energy, found.gradient.tolist(), ms, found.iterations


def trajectory(potential: Potential, molecule: Molecule, start: Array, steps: int) -> Array:
    """Return velocity Verlet at constant energy from 298 K, positions [Å] of all steps."""
    if steps == 0:
        return np.empty((0, *start.shape))
    mass = np.array([MASSES.GetAtomicWeight(z) for z in molecule.numbers])[:, None]
    acceleration = KJ_PER_KCAL * 100.0 / mass  # kcal/mol/Å/dalton in Å/ps²: kJ, and nm² to Å²
    rng = np.random.default_rng(7)
    sigma = np.sqrt(2 * thermal_energy(TEMPERATURE) * 100.0 / mass)  # half of it becomes potential
    x, v = start.copy(), sigma * rng.standard_normal(start.shape)
    force, out = potential.evaluate(x[None]).forces[0], []
    for _ in range(steps):
        v += 0.5 * TIMESTEP * acceleration * force
        x = x + TIMESTEP * v
        force = potential.evaluate(x[None]).forces[0]
        v += 0.5 * TIMESTEP * acceleration * force
        out.append(x)
    return np.array(out)


def _engine(theory: Theory, molecule: Molecule) -> QmEngine:
    return QmEngine(theory, molecule, energy_tolerance=SCF_TOLERANCE, grid_response=False)


def time_qm(engine: QmEngine, path: Array, *, warm: bool) -> tuple[float, float]:
    """Return median CPU time of a step [ms] and of SCF iterations.

    The first step only warms up, unless it is the only one.
    """
    last: Solution | None = None
    times, iterations = [], []
    for conformer in path:
        begin = time.process_time()
        last = engine.solve(conformer, last.density if warm and last is not None else None)
        times.append(time.process_time() - begin)
        iterations.append(last.iterations)
    counted = slice(1 if len(path) > 1 else 0, None)
    return 1e3 * statistics.median(times[counted]), statistics.median(iterations[counted])


def time_calls(calls: list[Callable[[], object]]) -> float:
    """Return the median CPU time of a call [ms], over at least 20 calls; two only warm up."""
    rounds = max(1, 20 // len(calls))
    times = []
    for call in calls[:2]:
        call()
    for call in calls * rounds:
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return 1e3 * statistics.median(times)


def errors(
    potential: Potential, frames: Array, truth: list[tuple[float, list[list[float]]]]
) -> tuple[float | None, float | None, float | None]:
    """Return errors of relative energies and of force components, and the spread of energies."""
    if len(frames) < 2:
        return None, None, None
    answer = potential.evaluate(frames)
    energy = answer.energies - HARTREE_KCAL * np.array([energy for energy, _ in truth])
    force = answer.forces + HARTREE_KCAL / BOHR_ANGSTROM * np.array([slope for _, slope in truth])
    spread = None if answer.spread is None else float(answer.spread.mean())
    return float(energy.std(ddof=1)), float(np.sqrt((force**2).mean())), spread


def ratios(rows: list[Row], potentials: list[str], mm_ms: float | None) -> dict[str, object]:
    """Return how many times faster each potential is, by molecule, and the headline."""
    found: dict[str, dict[str, float]] = {}
    per_step: dict[str, dict[str, float]] = {}
    for name in dict.fromkeys(row.molecule for row in rows):
        ms = {row.method: row.ms for row in rows if row.molecule == name}
        quantum = {method: value for method, value in ms.items() if method.startswith("pyscf")}
        for each in potentials:
            key = f"{each} {name}"
            found[key] = {m: value / ms[each] for m, value in quantum.items()}
            if mm_ms is not None:
                own = ms[each] + mm_ms
                per_step[key] = {m: (value + mm_ms) / own for m, value in quantum.items()}
    toluene = f"{potentials[0]} toluene"
    headline = toluene if toluene in found else next(iter(found))
    return {
        "ratio_vs_pyscf": min(found[headline].values()),
        "ratio_vs_pyscf_without_fitting": min(
            (ratio for method, ratio in found[headline].items() if "fitting" not in method),
            default=None,
        ),
        "headline": headline,
        "ratios": found,
        "ratios_per_step": per_step,
    }


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    lines = [f"{'molecule':<12}{'method':<38}{'ms':>10}{'RMSE E':>9}{'RMSE F':>9}"]
    for row in rows:
        told = "".join(
            f"{value:9.2f}" if value is not None else f"{'':9}"
            for value in (row.energy_rmse_kcal, row.force_rmse_kcal)
        )
        lines.append(f"{row.molecule:<12}{row.method:<38}{row.ms:10.2f}{told}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
