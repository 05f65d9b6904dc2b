# SPDX-License-Identifier: MIT
"""Input of a binding-energy estimate: the files of a request, and the frames of each species."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import yaml

from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology, Array, atom_label, read_topology
from merrow.binding.free_states import FreeRequest, FreeStates, read_free
from merrow.binding.mmpbsa_program import (
    Energies,
    Method,
    Settings,
    Topologies,
    installed_name,
    run_mmpbsa,
    split_topology,
)
from merrow.errors import InputError
from merrow.folders import check_new, text_of
from merrow.trajectories import DryFrames, dry_atoms, read_frames, write_frames

LEAST_TEMPERATURE: Final = 100.0
"""Lowest temperature of the interaction entropy [K]; lower ones are in degrees Celsius."""
ROOM: Final = 298.15
"""Temperature of the interaction entropy where none is known [K]."""
SAME_TEMPERATURE: Final = 0.5
"""Largest difference of temperatures that are taken for one, such as 298 and 298.15 [K]."""
SIMULATION: Final = "simulate.yaml"
"""Settings of `merrow simulate`, beside the folders of its trajectories."""
MULTIVALENT: Final = 1.5
"""Charge of an ion from which on it may belong to the protein [e]."""


@dataclass(frozen=True)
class MmpbsaRequest:
    """Settings of a binding-energy estimate.

    Attributes:
        prmtop, trajectory: Topology and trajectory, solvated or not.
        ligand_mask: Mask of the ligand, whole residues.
        out: Folder for the results.
        methods: "gb", "pb" or both.
        mm_reference: MM-only trajectory of the same prmtop.
        free: Trajectories of the free ligand and receptor.
        stride: Read every n-th frame.
        interval: Time between frames of the trajectories [ps]; None for that of the files.
        temperature: Temperature for the interaction entropy [K].
        settings: Settings of the solvent model.
        interactive: Whether the report has an interactive 3-D view.
    """

    prmtop: Path
    trajectory: Path
    ligand_mask: str
    out: Path
    methods: tuple[Method, ...] = ("gb",)
    mm_reference: Path | None = None
    free: FreeRequest | None = None
    stride: int = 1
    interval: float | None = None
    temperature: float = ROOM
    settings: Settings = field(default_factory=Settings)
    interactive: bool = False

    def read(self, path: Path, topology: AmberTopology) -> DryFrames:
        """Read one of the trajectories."""
        return read_frames(path, topology, stride=self.stride, interval=self.interval)


@dataclass(frozen=True, eq=False)
class RequestFiles:
    """The files of a request, read and checked."""

    topology: AmberTopology
    ligand: tuple[int, ...]
    ensembles: list[tuple[str, DryFrames]]
    free: FreeStates | None


@dataclass(frozen=True, eq=False)
class Ensemble:
    """One method applied to one ensemble."""

    method: Method
    name: str
    ensemble: str
    frames: DryFrames
    ligand: tuple[int, ...]
    free: FreeStates | None


def read_request(request: MmpbsaRequest) -> RequestFiles:
    """Read and check the files of a request, before anything is written.

    Raises:
        InputError: The files do not fit together, too few frames, a setting is out of its range,
            or the folder is in use.
        MissingComponentError: AmberTools is not installed.
    """
    check_numbers(request)
    check_new(request.out)
    installed_name()
    topology = read_topology(request.prmtop)
    refuse_ions(topology)
    ligand = select_atoms(topology, request.ligand_mask)
    if request.free is not None and request.mm_reference is not None:
        raise InputError(
            "the MM reference has no free ligand of its own here: run the command "
            "once for ML/MM and once for MM, each with its own free trajectories."
        )
    paths = trajectories(request.trajectory, request.mm_reference)
    ensembles = [(name, request.read(path, topology)) for name, path in paths.items()]
    free = None
    if request.free is not None:
        bound = species_positions(ensembles[0][1], ligand)["ligand"]
        free = read_free(request.free, topology, ligand, bound, read=request.read)
    return RequestFiles(topology, ligand, ensembles, free)


def check_numbers(request: MmpbsaRequest) -> None:
    """Refuse a temperature, a salt or a surface tension that is out of its range.

    Raises:
        InputError: One is, or is not a finite number.
    """
    for name, value, least, unit in (
        ("--temperature", request.temperature, LEAST_TEMPERATURE, "K"),
        ("--salt", request.settings.salt, 0.0, "mol/l"),
        ("--surface-tension", request.settings.surface_tension, 0.0, "kcal/mol/Å²"),
    ):
        if not least <= value < np.inf:
            raise InputError(
                f"{name} {value:g} {unit} is not a finite number of {least:g} or more."
            )


def entropy_temperature(trajectory: Path, asked: float | None) -> float:
    """Return the temperature of the interaction entropy [K].

    Args:
        trajectory: Trajectory, or a folder of `merrow simulate`, which knows its temperature.
        asked: The temperature that was asked for; None: that of the folder, else 298.15.

    Raises:
        InputError: The trajectory was sampled at another temperature than the one asked for.
    """
    leg = trajectory if trajectory.is_dir() else trajectory.parent
    path = leg.resolve().parent / SIMULATION
    try:
        found = yaml.safe_load(text_of(path)) if path.is_file() else None
    except yaml.YAMLError:
        found = None
    sampled = found.get("temperature_k") if isinstance(found, dict) else None
    if not isinstance(sampled, int | float):
        return ROOM if asked is None else asked
    if asked is not None and abs(asked - sampled) > SAME_TEMPERATURE:
        raise InputError(
            f"--temperature {asked:g} K is not that of {trajectory}, which was sampled at "
            f"{sampled:g} K; leave it out."
        )
    return float(sampled) if asked is None else asked


def trajectories(trajectory: Path, mm_reference: Path | None) -> dict[str, Path]:
    """Return a trajectory and its MM reference, if there is one, by distinct names."""
    paths = [trajectory, *([mm_reference] if mm_reference else [])]
    return dict(zip(distinct_names(paths), paths, strict=True))


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """Return the file names of trajectories, with their folders where two are the same.

    Raises:
        InputError: Two are the same file.
    """
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        whole = [path.resolve() for path in paths]
        if len(set(whole)) < len(whole):
            raise InputError(
                f"{paths[0]} and --mm-reference {paths[-1]} are the same file: give the trajectory "
                "that MM sampled."
            )
        names = [f"{path.parent.name}/{path.name}" for path in whole]
        names = [str(p) for p in whole] if len(set(names)) < len(names) else names
    return names


def refuse_ions(topology: AmberTopology) -> None:
    """Refuse ions with several charges: single ions are left out, but these may be the receptor's.

    Raises:
        InputError: There is one.
    """
    for atoms in topology.molecules:
        i = atoms[0]
        if len(atoms) == 1 and abs(topology.charges[i]) >= MULTIVALENT:
            name = topology.residue_names[topology.residue_index[i]]
            raise InputError(
                f"{topology.path.name} has the ion {atom_label(topology, i)} of "
                f"{topology.charges[i]:+.2g} e, but single ions are left out like water, and a "
                "metal of the protein would be missing: if it belongs to the water, strip it from "
                f"prmtop and trajectory first (cpptraj: strip :{name})."
            )


def make_topologies(request: MmpbsaRequest, read: RequestFiles, out: Path) -> Topologies:
    """Write the dry topologies of complex, receptor and ligand into a folder."""
    return split_topology(
        request.prmtop,
        dry_atoms(read.topology).tolist(),
        read.ligand,
        igb=request.settings.igb,
        folder=out / "topologies",
    )


def run_tables(
    one: Ensemble,
    settings: Settings,
    species: Topologies,
    folder: Path,
    tell: Callable[[int], None] = lambda _: None,
) -> Energies:
    """Run MMPBSA and check that it used every frame."""
    tell(0)
    path = write_frames(folder, one.frames)
    every = one.free is not None
    tables = run_mmpbsa(
        one.method, species, path, settings, folder=folder, every_term=every, tell=tell
    )
    used = len(tables["delta"]["TOTAL"])
    if used != len(one.frames.positions):
        raise InputError(
            f"MMPBSA used {used} of {len(one.frames.positions)} frames of {one.name}: see "
            f"{folder / 'mmpbsa.log'}."
        )
    return tables


def species_positions(frames: DryFrames, ligand: tuple[int, ...]) -> dict[str, Array]:
    """Return the positions of each species in the frames of the complex [Å]."""
    own = np.isin(frames.atoms, ligand)
    whole = frames.positions
    return {"complex": whole, "receptor": whole[:, ~own], "ligand": whole[:, own]}
