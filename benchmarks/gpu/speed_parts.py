# SPDX-License-Identifier: MIT
"""Parts of the kit that compute and time one process: right, steps, forces, records, batches."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm

from merrow.bench.speed import BenchSystem, hybrid_of, open_system, plain_mm
from merrow.engine.record import set_state, take_record
from merrow.engine.simulation import GPU_PLATFORMS, choose_platform
from merrow.hydration.protocol import PROTOCOLS
from merrow.potentials.device import VARIABLE
from merrow.potentials.interface import Molecule, Potential
from merrow.potentials.registry import load_potential
from merrow.samples import LambdaState
from merrow.system.build import HybridSystem
from merrow.system.potentials import open_potential
from merrow.units import ANGSTROM_PER_NM, KJ_PER_KCAL
from merrow.versions import versions

POINTS = ((1.0, 1.0), (0.5, 1.0), (0.0, 0.5), (0.0, 0.0))
"""λ_elec and λ_sterics at which platforms are compared."""
DROPLET = 115
"""Most atoms of the largest molecule whose calls are timed."""


@dataclass(frozen=True)
class Kit:
    """What the parts are told.

    Attributes:
        out: Folder of the results.
        systems: Folder with NAME/solvated.prmtop and .inpcrd.
        device: "cuda" or "cpu".
        potential: Name of the potential.
        cutoff: Direct-space cutoff [Å].
        minutes: Time of the long parts [min].
        small: Whether few steps do.
        told: Keeps what was found so far.
    """

    out: Path
    systems: Path
    device: str
    potential: str
    cutoff: float
    minutes: float
    small: bool
    told: Callable[[dict[str, Any]], None]

    @property
    def platform(self) -> str:
        """OpenMM's platform of the device."""
        return "CPU" if self.device == "cpu" else "CUDA"

    @property
    def devices(self) -> tuple[str, ...]:
        """Devices of networks that are compared."""
        return ("cpu",) if self.device == "cpu" else ("cpu", self.device)

    def files(self, name: str) -> tuple[Path, Path]:
        """Return prmtop and coordinates of a system."""
        folder = self.systems / name
        return folder / "solvated.prmtop", folder / "solvated.inpcrd"

    def names(self) -> list[str]:
        """Return the systems that there are."""
        return sorted(path.parent.name for path in self.systems.glob("*/solvated.prmtop"))

    def system(self, name: str) -> BenchSystem:
        """Open a system, the solute as its region."""
        return open_system(name, *self.files(name), "!:WAT", self.cutoff)

    def first(self, *wanted: str) -> BenchSystem:
        """Open the first of the wanted systems that is there, or any."""
        there = self.names()
        return self.system(next((name for name in wanted if name in there), there[0]))

    def potential_on(self, system: BenchSystem, device: str, name: str = "") -> Potential:
        """Return the potential of a system with its networks on a device."""
        os.environ[VARIABLE] = device
        return open_potential(name or self.potential, system.topology, system.region)


def machine(kit: Kit) -> dict[str, Any]:
    """Return what the machine has."""
    import torch  # noqa: PLC0415

    gpu = kit.device != "cpu"
    platforms = [mm.Platform.getPlatform(i).getName() for i in range(mm.Platform.getNumPlatforms())]
    return {
        "cores": os.cpu_count(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "gpu": torch.cuda.get_device_name() if gpu else "none",
        "platforms": platforms,
        "failures": list(mm.Platform.getPluginLoadFailures())[:3],
        "systems": kit.names(),
        "versions": versions(),
    }


def edges(system: BenchSystem) -> tuple[float, ...]:
    """Return the edges of the rectangular box of a system [nm]."""
    return tuple(np.diag(system.box).tolist())


def on_gpu(system: BenchSystem, potential: Potential, **changes: Any) -> HybridSystem:
    """Return the hybrid system as a run on a GPU builds it."""
    return hybrid_of(system, potential, kernel="openmm", gpu_edges=edges(system), **changes)


def context_of(
    system: BenchSystem, hybrid: HybridSystem | mm.System, platform: str, precision: str = ""
) -> mm.Context:
    """Return a Context at the prepared positions, steps of 1 fs."""
    chosen, properties = choose_platform(platform)
    if precision:
        properties = {"Precision": precision}
    integrator = mm.LangevinMiddleIntegrator(298.15, 1.0, 0.001)
    integrator.setRandomNumberSeed(1)
    integrator.setConstraintTolerance(1e-6)
    inside = hybrid if isinstance(hybrid, mm.System) else hybrid.system
    context = mm.Context(inside, integrator, chosen, properties)
    context.setPeriodicBoxVectors(*(mm.Vec3(*map(float, row)) for row in system.box))
    context.setPositions(system.positions)
    return context


def per_step(kit: Kit, context: mm.Context, steps: int = 200, rounds: int = 5) -> float:
    """Return the median time of a step after a short relaxation [ms]."""
    mm.LocalEnergyMinimizer.minimize(context, 10.0, 50)
    context.setVelocitiesToTemperature(298.15, 1)
    integrator = context.getIntegrator()
    steps, rounds = (5, 2) if kit.small else (steps, rounds)
    integrator.step(steps // 2)
    context.getState(getEnergy=True)
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        integrator.step(steps)
        context.getState(getEnergy=True)  # waits for the device
        times.append(1e3 * (time.perf_counter() - began) / steps)
    return round(statistics.median(times), 4)


def tried(row: dict[str, Any], key: str, make: Callable[[], Any]) -> None:
    """Put a figure, or why there is none, into a row."""
    try:
        row[key] = make()
    except Exception as error:  # one failure must not cost the others
        row[key] = f"{type(error).__name__}: {error}"[:300]


def correct(kit: Kit) -> dict[str, Any]:
    """Return differences of energies [kcal/mol] and forces (relative, RMS) from Reference."""
    system = kit.first("toluene26")
    cases = [("CPU", ""), ("Reference", "")]
    if kit.platform in GPU_PLATFORMS:
        cases += [(kit.platform, precision) for precision in ("mixed", "double", "single")]
    answers: dict[str, list[tuple[float, np.ndarray]]] = {}
    for device in kit.devices:
        potential = kit.potential_on(system, device)
        for build in (on_gpu, hybrid_of):
            words = {} if build is on_gpu else {"kernel": "openmm"}
            hybrid = build(system, potential, **words)
            for platform, precision in cases:
                key = f"{device} {platform} {precision} {build.__name__}"
                context = context_of(system, hybrid, platform, precision)
                answers[key] = [_answer(context, LambdaState(*point)) for point in POINTS]
                kit.told({"computed": list(answers)})
    truth = answers["cpu Reference  hybrid_of"]
    found: dict[str, Any] = {"system": system.name, "points": POINTS}
    for key, values in answers.items():
        pairs = list(zip(values, truth, strict=True))
        found[key] = {
            "energy_kcal": [round((e - e0) / KJ_PER_KCAL, 5) for (e, _), (e0, _) in pairs],
            "forces": [
                float(f"{np.linalg.norm(f - f0) / np.linalg.norm(f0):.2e}")
                for (_, f), (_, f0) in pairs
            ],
        }
    return found


def _answer(context: mm.Context, state: LambdaState) -> tuple[float, np.ndarray]:
    set_state(context, state)
    found = context.getState(getEnergy=True, getForces=True)
    return float(found.getPotentialEnergy()._value), np.array(found.getForces(asNumpy=True)._value)


def steps(kit: Kit, name: str) -> dict[str, Any]:
    """Return ms per step of plain MM, of the λ path, and of ML/MM on a core and on the GPU."""
    system = kit.system(name)
    row: dict[str, Any] = {"atoms": len(system.topology), "region": len(system.region.atoms)}

    def timed(key: str, make: Callable[[], HybridSystem | mm.System], count: int = 200) -> None:
        tried(row, key, lambda: per_step(kit, context_of(system, make(), kit.platform), count))
        kit.told(row)

    classical = kit.potential_on(system, "cpu", "mm")
    timed("mm", lambda: plain_mm(system), 500)
    timed("path", lambda: on_gpu(system, classical), 500)
    timed("path, tail by volume and slope", lambda: hybrid_of(system, classical, kernel="openmm"))
    for device in kit.devices:
        potential = kit.potential_on(system, device)
        timed(f"ml/mm, network on {device}", lambda p=potential: on_gpu(system, p))
        timed(f"the same, overlap, {device}", lambda p=potential: on_gpu(system, p, overlap=True))
    timed("mm and an empty PythonForce of the region", lambda: _with_empty(system))
    if name in ("toluene26", "toluene41"):
        timed("openmm-ml", lambda: _openmm_ml(kit, system), 20)
    return row


def _with_empty(system: BenchSystem) -> mm.System:
    """Return plain MM with a PythonForce that says nothing: what the door itself costs."""
    plain, count = plain_mm(system).system, len(system.region.atoms)
    zero = np.zeros((count, 3))
    force = mm.PythonForce(lambda _: (0.0, zero), {})
    force.setParticles(list(system.region.atoms))
    plain.addForce(force)
    return plain


def _openmm_ml(kit: Kit, system: BenchSystem) -> mm.System:
    from openmm import app  # noqa: PLC0415
    from openmmml import MLPotential  # noqa: PLC0415

    weights = kit.out / "torchani" / "StateDicts"  # where torchani looks before it downloads
    weights.mkdir(parents=True, exist_ok=True)
    for path in Path(os.environ.get("MERROW_MODELS", weights)).glob("*_state_dict.pt"):
        if not (weights / path.name).exists():
            (weights / path.name).symlink_to(path.resolve())
    os.environ["TORCHANI_DATA_DIR"] = str(weights.parent)
    prmtop = app.AmberPrmtopFile(str(system.topology.path))
    cutoff = kit.cutoff / ANGSTROM_PER_NM
    plain = prmtop.createSystem(
        nonbondedMethod=app.PME, nonbondedCutoff=cutoff, rigidWater=True, constraints=None
    )
    potential = MLPotential(kit.potential)
    return potential.createMixedSystem(prmtop.topology, plain, list(system.region.atoms))


def forces(kit: Kit) -> dict[str, Any]:
    """Return ms per step of the λ path, whole and without each of its forces in turn."""
    system = kit.first("toluene26")
    classical = kit.potential_on(system, "cpu", "mm")
    row: dict[str, Any] = {"system": system.name}
    builds: dict[str, Callable[[], HybridSystem]] = {
        "on gpu": lambda: on_gpu(system, classical),
        "any": lambda: hybrid_of(system, classical, kernel="openmm"),
    }
    for label, build in builds.items():
        whole = build()
        names = [force.getName() for force in whole.system.getForces()]
        for left_out in (None, *range(len(names))):
            hybrid = build()
            key = f"{label}: whole"
            if left_out is not None:
                hybrid.system.removeForce(left_out)
                key = f"{label}: without {left_out} {names[left_out]}"
            tried(row, key, lambda h=hybrid: per_step(kit, context_of(system, h, kit.platform)))
            kit.told(row)
    plain = plain_mm(system)
    tried(row, "plain mm", lambda: per_step(kit, context_of(system, plain, kit.platform)))
    return row


def record(kit: Kit) -> dict[str, Any]:
    """Return ms of a record of all states of the protocol quick, and what else is told."""
    system = kit.first("toluene26")
    states = PROTOCOLS["quick"].schedule.states
    schedule = tuple(LambdaState(*state) for state in states)
    hybrid = on_gpu(system, kit.potential_on(system, "cpu", "mm"))
    context = context_of(system, hybrid, kit.platform)
    mm.LocalEnergyMinimizer.minimize(context, 10.0, 50)
    here = schedule[0]
    set_state(context, here)
    times = []
    for _ in range(3 if kit.small else 50):
        context.getIntegrator().step(1)
        context.getState(getEnergy=True)
        began = time.perf_counter()
        take_record(context, hybrid, schedule, here=here, temperature=298.15)
        times.append(1e3 * (time.perf_counter() - began))
    return {"states": len(schedule), "record_ms": round(statistics.median(times), 3)}


def batches(kit: Kit) -> dict[str, Any]:
    """Return ms per call for R conformers on each device, and errors against float64."""
    found: dict[str, Any] = {}
    names = [name for name in ("methanol26", "toluene26", "erlotinib") if name in kit.names()]
    for name in names or kit.names()[:1]:
        system = kit.system(name)
        _batches_of(kit, name, system.region.molecule, _solute(system), found)
    _batches_of(kit, f"{system.name} and waters", *_droplet(system), found)
    return found


def _solute(system: BenchSystem) -> np.ndarray:
    """Return the positions of the region [Å]."""
    return system.positions[list(system.region.atoms)] * ANGSTROM_PER_NM


def _droplet(system: BenchSystem) -> tuple[Molecule, np.ndarray]:
    """Return the solute with the waters around it up to `DROPLET` atoms: a large molecule."""
    own, solute = list(system.region.atoms), _solute(system)
    oxygens = [m[0] for m in system.topology.molecules if system.topology.is_water[m[0]]]
    apart = system.positions[oxygens] * ANGSTROM_PER_NM - solute.mean(axis=0)
    nearest = np.argsort(np.linalg.norm(apart, axis=1))[: (DROPLET - len(own)) // 3]
    atoms = [*own, *(oxygens[k] + i for k in nearest for i in range(3))]
    numbers = tuple(system.topology.numbers[i] for i in atoms)
    return Molecule(numbers), system.positions[atoms] * ANGSTROM_PER_NM


def _batches_of(
    kit: Kit, name: str, molecule: Molecule, own: np.ndarray, found: dict[str, Any]
) -> None:
    os.environ[VARIABLE] = "cpu"
    exact = load_potential(kit.potential, molecule, precision="float64")
    for device in kit.devices:
        os.environ[VARIABLE] = device
        potential = load_potential(kit.potential, molecule)
        for size in (1, 4) if kit.small else (1, 4, 16, 64, 256):
            key = f"{name} {device} {size}"
            tried(found, key, lambda p=potential, r=size: _call(kit, p, exact, own, r))
            kit.told(found)


def _call(
    kit: Kit, potential: Potential, exact: Potential, own: np.ndarray, size: int
) -> dict[str, float]:
    noise = np.random.default_rng(size).normal(0.0, 0.02, (size, *own.shape))
    batch = own + noise
    answer, times = potential.evaluate(batch), []
    for _ in range(3 if kit.small else 30):
        began = time.perf_counter()
        answer = potential.evaluate(batch)
        times.append(1e3 * (time.perf_counter() - began))
        if sum(times) > 3e3:
            break
    few: Sequence[int] = range(min(size, 4))
    truth = exact.evaluate(batch[few])
    return {
        "ms": round(statistics.median(times), 4),
        "energy_error_kcal": float(f"{np.abs(answer.energies[few] - truth.energies).max():.1e}"),
        "force_error_kcal": float(f"{np.abs(answer.forces[few] - truth.forces).max():.1e}"),
    }
