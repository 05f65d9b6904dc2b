# SPDX-License-Identifier: MIT
"""Doors through which files and words of users come in.

A door takes what it understands and refuses all else with a named error, in time. Everything here
is made from seeds, so that a finding can be made again.
"""

from __future__ import annotations

import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import openmm as mm
import seeds
from damage import damaged, damaged_archive, damaged_binary
from openmm import app

from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.amber.trajectory import read_restart_metadata
from merrow.ambertools.molecule import read_molecule
from merrow.api.systems import MLPotential, alchemical_system, region_at
from merrow.binding.prepare.protein import read_protein
from merrow.campaign.config import CampaignConfig
from merrow.campaign.rows import read_rows
from merrow.errors import InputError, MerrowError
from merrow.executor import ClusterConfig
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.result import read_result
from merrow.md.from_mdin import read_md_settings
from merrow.md.simulate_config import SimulationConfig
from merrow.mdin.disang import parse_disang
from merrow.potentials import Molecule
from merrow.potentials.mace.files import read_mace
from merrow.potentials.registry import load_potential
from merrow.sander.input import read_input
from merrow.sander.models import parse_job
from merrow.system.configuration import read_configuration
from merrow.system.user_system import described
from merrow.trajectories import read_frames

TAKEN, REFUSED = "taken", "refused"
PATIENCE = 10
"""Seconds of its processor that a door may take."""
PLUGINS = str(seeds.TESTS / "plugins")
METHANE = np.array([[[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]]) * 0.63


class WrongNumberError(Exception):
    """A door took something else for what it knows."""


@dataclass(frozen=True)
class Door:
    """One door: sound inputs, and the call that takes one.

    Attributes:
        seeds: Sound inputs.
        suffix: Ending of the file's name; "" where words come in, not a file.
        take: Called with the path, or the words.
        damage: How an input is damaged.
    """

    seeds: tuple[bytes, ...]
    suffix: str
    take: Callable[..., object]
    damage: Callable[[bytes, np.random.Generator], bytes] = damaged


@dataclass(frozen=True)
class Finding:
    """An input that a door neither took nor refused."""

    door: str
    case: int
    what: str
    data: bytes


def doors(folder: Path) -> dict[str, Door]:
    """Return all doors with their seeds; tleap makes the files of AMBER in a folder."""
    seeds.amber_files(folder)
    return {
        **_inputs(),
        **_structures(folder),
        **_openmm(folder),
        **_settings(),
        **_weights(folder),
    }


def _inputs() -> dict[str, Door]:
    return {
        "smiles": Door(_words(seeds.SMILES), "", read_molecule),
        "mdin": Door(_words([seeds.MDIN]), ".in", read_md_settings),
        "sander": Door(_words([seeds.SANDER]), "", partial(read_input, source="mdin")),
        "disang": Door(_words([seeds.DISANG]), "", partial(parse_disang, source="RST")),
        "mol2": Door(_words([seeds.METHANOL]), ".mol2", read_molecule),
        "sdf": Door((seeds.sdf(),), ".sdf", read_molecule),
        "table": Door(_words([seeds.TABLE]), ".csv", lambda path: read_rows(path, {})),
    }


def _structures(folder: Path) -> dict[str, Door]:
    topology, gas = read_topology(folder / "wet.prmtop"), read_topology(folder / "gas.prmtop")

    def restart(path: Path) -> None:
        read_configuration(path, topology)
        read_restart_metadata(path)

    def read(*names: str) -> tuple[bytes, ...]:
        return tuple((folder / name).read_bytes() for name in names)

    take = partial(read_configuration, topology=topology)
    protein = (seeds.DATA / "systems" / "helix.pdb").read_bytes()
    return {
        "mask": Door(_words(seeds.MASKS), "", partial(select_atoms, topology)),
        "prmtop": Door(read("gas.prmtop"), ".prmtop", read_topology),
        "coordinates": Door(read("wet.inpcrd", "moving.rst7"), ".rst7", take),
        "netcdf": Door(read("moving.ncrst"), ".ncrst", restart, damaged_binary),
        "trajectory": Door(
            read("gas.nc"), ".nc", partial(read_frames, topology=gas), damaged_binary
        ),
        "pdb": Door((protein,), ".pdb", read_protein),
    }


def _openmm(folder: Path) -> dict[str, Door]:
    """Systems of the user's own, whose energy must stay with their own MM terms in a region."""
    prmtop = app.AmberPrmtopFile(str(folder / "gas.prmtop"))
    wet = app.AmberPrmtopFile(str(folder / "wet.prmtop"))
    view = described(wet.topology, wet.createSystem())
    x = app.AmberInpcrdFile(str(folder / "gas.inpcrd")).positions
    atoms = range(prmtop.topology.getNumAtoms())

    def energy(system: mm.System) -> float:
        reference = mm.Platform.getPlatformByName("Reference")
        context = mm.Context(system, mm.VerletIntegrator(0.001), reference)
        context.setPositions(x)
        return float(context.getState(energy=True).getPotentialEnergy()._value)

    def take(text: str) -> None:
        try:
            system = mm.XmlSerializer.deserialize(text)
            before = energy(system)
        except Exception as error:  # OpenMM itself has no use for it
            raise InputError(str(error)) from error
        for made in (
            MLPotential("mm").create_mixed_system(prmtop.topology, system, atoms),
            alchemical_system(prmtop.topology, system, atoms),
        ):
            after = energy(made)
            if not abs(after - before) <= 1e-6 * max(1.0, abs(before)) and np.isfinite(before):
                raise WrongNumberError(f"{after} kJ/mol instead of {before}")

    return {
        "openmm mask": Door(
            _words(seeds.OPENMM_MASKS), "", partial(region_at, view, link_atoms=True)
        ),
        "openmm system": Door(
            _words([mm.XmlSerializer.serialize(prmtop.createSystem())]), "", take
        ),
    }


def _settings() -> dict[str, Door]:
    run = HydrationConfig(source=Source(kind="smiles", smiles="CO"))
    kinds = {
        "run.yaml": (HydrationConfig, run.to_yaml()),
        "campaign.yaml": (CampaignConfig, seeds.CAMPAIGN),
        "simulate.yaml": (SimulationConfig, seeds.SIMULATION),
        "cluster.yaml": (ClusterConfig, seeds.CLUSTER),
    }
    return {
        **{
            name: Door(_words([text]), "", partial(kind.from_yaml, source=name))
            for name, (kind, text) in kinds.items()
        },
        "result.json": Door(_words([seeds.result()]), ".json", read_result),
        "job": Door(_words([seeds.JOB]), "", parse_job),
    }


def _weights(folder: Path) -> dict[str, Door]:
    if PLUGINS not in sys.path:
        sys.path.append(PLUGINS)
    from tiny_ani import MODEL, WEIGHTS, read_tiny  # noqa: PLC0415  (torch)

    from merrow.potentials.ani.weights import read_verified  # noqa: PLC0415  (torch)

    mace = seeds.DATA / "tiny_mace.model"
    sound = read_tiny().digest()

    def ani(path: Path) -> None:
        if read_verified(path, MODEL).digest() != sound:
            raise WrongNumberError("other weights were taken for the published ones")

    def script(path: Path) -> None:
        potential = load_potential(f"torchscript:{path}", Molecule((6, 1, 1, 1, 1)))
        answer = potential.evaluate(METHANE)
        if not (np.isfinite(answer.energies).all() and np.isfinite(answer.forces).all()):
            raise WrongNumberError("an energy that is not finite was taken")

    return {
        "ani": Door((WEIGHTS.read_bytes(),), ".pt", ani, damaged_archive),
        "mace": Door((mace.read_bytes(),), ".model", read_mace, damaged_archive),
        "torchscript": Door(
            (seeds.torchscript(folder / "springs.pt"),), ".pt", script, damaged_archive
        ),
    }


def _words(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(text.encode() for text in texts)


def search(
    name: str, door: Door, folder: Path, *, cases: Iterable[int], seed: int
) -> tuple[list[Finding], int]:
    """Return what a door neither took nor refused among damaged inputs, and how many it took."""
    found: list[Finding] = []
    taken = 0
    for case in cases:
        data = input_of(door, case, seed)
        what = tried(door, folder, data)
        taken += what == TAKEN
        if what not in (TAKEN, REFUSED):
            found.append(Finding(name, case, what, data))
    return found, taken


def input_of(door: Door, case: int, seed: int) -> bytes:
    """Return a damaged input by its number."""
    rng = np.random.default_rng([seed, case])
    return door.damage(door.seeds[int(rng.integers(len(door.seeds)))], rng)


def tried(door: Door, folder: Path, data: bytes) -> str:
    """Return that one input was taken or refused, or else what went wrong."""
    if door.suffix:
        argument: object = folder / f"fuzzed{door.suffix}"
        Path(str(argument)).write_bytes(data)
    else:
        argument = data.decode("utf-8", errors="replace")
        if "\0" in str(argument):
            return REFUSED  # no word of a command line can hold it
    try:
        with _patience(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            door.take(argument)
    except MerrowError:
        return REFUSED
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return f"{type(error).__name__} at {place}: {str(error)[:120]}"
    return TAKEN


@contextmanager
def _patience() -> Iterator[None]:
    def late(*_: object) -> None:
        raise TimeoutError(f"no answer within {PATIENCE} s")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
