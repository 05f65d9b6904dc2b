# SPDX-License-Identifier: MIT
"""Which small system is large enough for identities between free energies, and no larger?

LIQUID: 70 TIP3P waters, 1 bar, 298.15 K, PME with a cutoff of 6 Å, tail on: below the box that the
program accepts for a result, because an identity between two routes holds in every box. THIN: 30 of
these waters in the same room, constant volume, 600 K, above the critical point of TIP3P (578 K,
Vega et al., J. Chem. Phys. 2006, 125, 034503). The identity holds there too and converges: in the
liquid something has to make room for the solute, and below the critical point droplets form and
evaporate; here records 0.4 ps apart are independent (statistical inefficiency 1.0 to 2.0), so they
are taken every 0.1 ps. Averages depend neither on masses nor on friction: the solute has the heavy
ones, so 4 fs steps resolve every vibration, also of bonds 1.5 times as stiff. Sampling, records,
exchange, gas walkers and estimators are those of the package.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeVar

import numpy as np
import parmed
from common import gaff, parser, save, show

from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import AmberTopology, read_topology
from merrow.ambertools.solvent import solvate
from merrow.analysis.rmsd import superposed
from merrow.engine import advance, gas
from merrow.engine.plans import Ensemble, LegPlan
from merrow.engine.seeds import derive_seed
from merrow.engine.segments import gas_frames
from merrow.engine.simulation import Snapshot
from merrow.engine.storage import TaskFolder, load_arrays, save_arrays
from merrow.geometry import torsion_angles
from merrow.samples import LambdaState, WindowSamples, concatenate
from merrow.system.build import HybridSystem, hybrid_system, region_masses
from merrow.system.internal import ClassicalPotential, internal_terms
from merrow.system.pme import Nonbonded, pme_parameters
from merrow.system.region import MLRegion, bonds_within, region_of
from merrow.system.rendering import rendered
from merrow.system.torsions import most_different, rotatable_torsions
from merrow.units import ANGSTROM_PER_NM, NM_PER_ANGSTROM

Array = np.ndarray
T = TypeVar("T")

CUTOFF = 0.6
EWALD_TOLERANCE = 1e-3
TEMPERATURE, PRESSURE = 298.15, 1.0
TIMESTEP, GAS_FRICTION = 0.004, 5.0
MASSES: Final = "heavy"
EQUILIBRATION, EQUILIBRATION_PER_STATE = 10_000, 2_500

CHARGING = tuple(LambdaState(x, 1.0) for x in (1.0, 0.8, 0.6, 0.4, 0.2, 0.0))
LJ = tuple(LambdaState(0.0, x) for x in (1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0))
COUPLED = (LambdaState(1.0, 1.0),)


@dataclass(frozen=True)
class Environment:
    """Where the solute is.

    Attributes:
        waters: Waters in the box.
        room: Waters that would fill it.
        temperature: Temperature [K].
        pressure: Pressure [bar]; None for constant volume.
        friction: Friction of the Langevin integrator [1/ps].
        record: Steps between records.
    """

    waters: int
    room: int
    temperature: float
    pressure: float | None
    friction: float
    record: int


LIQUID = Environment(70, 70, TEMPERATURE, PRESSURE, friction=1.0, record=100)
THIN = Environment(30, 70, 600.0, None, friction=5.0, record=25)


@dataclass(frozen=True)
class Solvated:
    """A molecule of FreeSolv in its small box.

    Attributes:
        topology: prmtop with water.
        region: The solute.
        positions: Positions [Å], shape (N, 3).
        lengths: Edges of the box [Å], shape (3,).
        classical: GAFF, as in the gas prmtop.
        masses: Masses of the solute's atoms used here [dalton].
        gas_prmtop: The prmtop without water.
        conformers: Two starting conformers that differ most [Å], shape (2, n, 3).
        torsions: Rotatable torsions, local indices.
    """

    topology: AmberTopology
    region: MLRegion
    positions: Array
    lengths: Array
    classical: ClassicalPotential
    masses: tuple[float, ...]
    gas_prmtop: Path
    conformers: Array
    torsions: tuple[tuple[int, int, int, int], ...]
    where: Environment = LIQUID


def prepare(
    name: str, data: Path, folder: Path, *, seed: int, where: Environment = LIQUID
) -> Solvated:
    """Solvate a molecule and choose its starting conformers; the files are made once.

    Args:
        name: One of `common.MOLECULES`.
        data: Folder of FreeSolv.
        folder: Gets the solvated files and the conformers.
        seed: Run seed.
        where: What is around the molecule.
    """
    gas = gaff(data, name)
    prmtop, inpcrd = folder / "solvated.prmtop", folder / "solvated.inpcrd"
    if not inpcrd.exists():
        full = folder if where.waters == where.room else folder / "full"
        files = solvate(*gas, folder=full, n_waters=where.room)
        if full != folder:
            thin_out(files, where.waters, prmtop, inpcrd)
    topology, coordinates = read_topology(prmtop), read_coordinates(inpcrd)
    n = len(read_topology(gas[0]))
    region = region_of(topology, tuple(range(n)), name="the solute")
    terms = internal_terms(rendered(topology), topology, region.atoms)
    if coordinates.lengths is None:
        raise ValueError(f"{inpcrd} has no box")
    solvated = Solvated(
        topology,
        region,
        coordinates.positions,
        coordinates.lengths,
        ClassicalPotential(terms, name="mm", identity=f"mm:{gas[0].stem}"),
        tuple(region_masses(topology, region, MASSES).tolist()),
        gas[0],
        coordinates.positions[None, :n],
        rotatable_torsions(topology, region.atoms),
        where,
    )
    return replace(solvated, conformers=_conformers(solvated, folder, seed))


def thin_out(full: tuple[Path, Path], count: int, prmtop: Path, inpcrd: Path) -> None:
    """Keep the first `count` waters of a box as it is; the inpcrd is written last."""
    system = parmed.load_file(*map(str, full))
    waters = [residue for residue in system.residues if residue.name == "WAT"]
    system.strip(f":{waters[count].idx + 1}-{len(system.residues)}")
    system.save(str(prmtop), overwrite=True)
    system.save(str(inpcrd), format="rst7", overwrite=True)


def _conformers(solvated: Solvated, folder: Path, seed: int) -> Array:
    path = folder / "conformers.npz"
    if not path.exists():
        plan = gas_plan(solvated, derive_seed(seed, "conformers"), hot=True)
        starts = np.repeat(solvated.conformers, plan.ladders, axis=0) * NM_PER_ANGSTROM
        walkers = gas.start_gas(solvated.classical, plan, starts)
        hot, _ = gas.run_gas_segment(solvated.classical, plan, walkers, 0)
        pool = gas_frames([hot]).positions * ANGSTROM_PER_NM
        chosen = most_different(torsion_angles(pool, solvated.torsions), 2)
        save_arrays(path, {"positions": pool[chosen]})
    return np.array(load_arrays(path)["positions"])


def nonbonded(solvated: Solvated) -> Nonbonded:
    """Return the settings that all states share."""
    lengths = tuple(float(x) * NM_PER_ANGSTROM for x in solvated.lengths)
    pme = pme_parameters(lengths, CUTOFF, EWALD_TOLERANCE)
    return Nonbonded(CUTOFF, pme=pme, ewald_tolerance=EWALD_TOLERANCE)


def hybrid_of(solvated: Solvated, potential: ClassicalPotential) -> HybridSystem:
    """Build the hybrid system of a potential, with the masses used here."""
    return hybrid_system(
        solvated.topology,
        solvated.region,
        potential,
        nonbonded=nonbonded(solvated),
        solute_masses=MASSES,
    )


def leg_plan(
    states: tuple[LambdaState, ...],
    *,
    seed: int,
    gas_phase: bool = False,
    where: Environment = LIQUID,
) -> LegPlan:
    """Return a plan whose segments add about 200 ps in all states together."""
    alone = len(states) == 1
    records = 10 if alone else 2
    friction = GAS_FRICTION if gas_phase else where.friction
    return LegPlan(
        states=states,
        ensemble=Ensemble(where.temperature, where.pressure, TIMESTEP, friction),
        equilibration=EQUILIBRATION,
        equilibration_per_state=0 if alone else EQUILIBRATION_PER_STATE,
        steps_per_record=where.record,
        records_per_sweep=records,
        sweeps_per_segment=round(50_000 / (where.record * records * len(states))),
        platform="Reference" if gas_phase else "CPU",
        seed=seed,
        repeat=0,
    )


def gas_plan(solvated: Solvated, seed: int, *, hot: bool = False) -> gas.GasPlan:
    """Return two ladders of temperatures for the gas phase, or hot walkers that find conformers."""
    ladder = gas.temperature_ladder(solvated.where.temperature, len(solvated.masses))
    return gas.GasPlan(
        temperatures=(gas.HOTTEST,) if hot else ladder,
        ladders=4 if hot else 2,
        masses=solvated.masses,
        timestep=0.001 if hot else TIMESTEP,
        friction=GAS_FRICTION,
        equilibration=1000,
        steps_per_record=250 if hot else 25,
        records_per_segment=40 if hot else 200,
        seed=seed,
        bonds=bonds_within(solvated.topology, solvated.region),
    )


def start_snapshot(solvated: Solvated, conformer: int) -> Snapshot:
    """Return the solvated positions with one of the conformers in the place of the solute."""
    positions = solvated.positions.copy()
    atoms = list(solvated.region.atoms)
    alone, every = solvated.conformers[[conformer]], np.arange(len(atoms))
    positions[atoms] = superposed(alone, positions[atoms], every)[0]
    positions *= NM_PER_ANGSTROM
    box = np.diag(solvated.lengths * NM_PER_ANGSTROM)
    return Snapshot(positions, np.zeros_like(positions), box)


def advance_leg(hybrid: HybridSystem, plan: LegPlan, start: Snapshot, folder: Path) -> None:
    """Equilibrate a leg, or add one segment."""
    advance.advance_leg(TaskFolder(folder), hybrid, plan, lambda: start)


def run_rounds(
    work: Mapping[str, tuple[float, Callable[[], None]]], folder: Path, minutes: float
) -> None:
    """Give each named task its share of segments until the time is over.

    Args:
        work: Share and next step of each task.
        folder: Holds one folder for each name.
        minutes: Wall time; nothing is begun after it.
    """
    end = time.monotonic() + 60 * minutes
    while time.monotonic() < end:
        name = min(work, key=lambda n: (TaskFolder(folder / n).count_segments() + 0.5) / work[n][0])
        work[name][1]()


def require_samples(folder: Path, names: Iterable[str]) -> None:
    """End the script with one sentence if a task has no complete segment yet."""
    missing = [name for name in names if not TaskFolder(folder / name).count_segments()]
    if missing:
        raise SystemExit(f"{', '.join(missing)}: no samples yet; run the same command again.")


def read_leg(
    folder: Path, plan: LegPlan, segments: int | None = None
) -> tuple[WindowSamples, Array, Array]:
    """Return the rows of a leg, its end-state frames [nm] and the rows they belong to.

    Args:
        folder: Where the leg is kept.
        plan: Its plan.
        segments: How many segments are read, from the first on; None reads all.
    """
    samples, frames, rows = [], [], []
    offset = 0
    temperature = plan.ensemble.temperature
    for segment in TaskFolder(folder).read_segments(plan.states, temperature)[:segments]:
        samples.append(segment.samples)
        frames.append(segment.frames)
        rows.append(segment.frame_rows + offset)
        offset += len(segment.samples)
    return concatenate(samples), np.concatenate(frames), np.concatenate(rows)


def script(
    doc: str | None,
    name: str,
    open_run: Callable[[argparse.Namespace], T],
    work_of: Callable[[T], Mapping[str, tuple[float, Callable[[], None]]]],
    estimate: Callable[[T], dict[str, object]],
) -> None:
    """Be the main function of a script: sample dimethoxymethane, estimate, print, write.

    Args:
        doc: Docstring of the script.
        name: Name of the file in `results/`.
        open_run: Prepares or reopens what the next two need.
        work_of: Returns share and next step of each task.
        estimate: Returns what is found.
    """
    asked = parser(doc, "data", "folder", minutes=60.0, seed=20250101).parse_args()
    run = open_run(asked)
    if asked.minutes > 0:
        run_rounds(work_of(run), asked.folder, asked.minutes)
    found = estimate(run)
    show(found)
    settings = {
        "waters": THIN.waters,
        "waters_that_would_fill_the_box": THIN.room,
        "cutoff_angstrom": CUTOFF * ANGSTROM_PER_NM,
        "lj_tail": True,
        "temperature_k": THIN.temperature,
        "pressure_bar": THIN.pressure,
        "timestep_fs": 1000 * TIMESTEP,
        "solute_masses": MASSES,
    }
    about = {"molecule": "dimethoxymethane, GAFF", "seed": asked.seed, "settings": settings}
    save(name, {**found, **about, "date": time.strftime("%Y-%m-%d")})
