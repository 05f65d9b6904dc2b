# SPDX-License-Identifier: MIT
"""What does MM-PBSA or MM-GBSA make of an ensemble? One trajectory for all three species."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from mlmm.amber.coordinates import Coordinates
from mlmm.amber.mask import select_atoms
from mlmm.amber.topology import AmberTopology, Array, read_topology
from mlmm.amber.trajectory import TrajectoryWriter
from mlmm.analysis.mmpbsa import InteractionEntropy, interaction_entropy, means
from mlmm.analysis.stats import Mean
from mlmm.errors import InputError
from mlmm.external.mmpbsa import (
    Method,
    Settings,
    Topologies,
    read_residue_table,
    run_mmpbsa,
    split_topology,
)
from mlmm.external.programs import find_program, version
from mlmm.files import write_whole
from mlmm.report.binding_data import Quantity
from mlmm.report.binding_energy import BindingRun, render_binding
from mlmm.units import KCAL_PER_KJ, thermal_energy
from mlmm.workflows.draft import check_new, draft
from mlmm.workflows.frames import DryFrames, dry_atoms, read_frames
from mlmm.workflows.gb_check import gb_check

GAS_TERMS: Final = ("VDWAALS", "EEL")


@dataclass(frozen=True)
class MmpbsaRequest:
    """What is to be estimated.

    Attributes:
        prmtop, trajectory: The run, solvated or not.
        ligand_mask: Mask of the ligand, whole residues.
        out: Folder for everything.
        methods: "gb", "pb" or both.
        control: Trajectory of the same prmtop with the MM force field alone.
        stride: Every how many frames one is taken.
        temperature: For the interaction entropy [K].
        settings: How the solvent is described.
    """

    prmtop: Path
    trajectory: Path
    ligand_mask: str
    out: Path
    methods: tuple[Method, ...] = ("gb",)
    control: Path | None = None
    stride: int = 1
    temperature: float = 298.15
    settings: Settings = field(default_factory=Settings)


def mmpbsa(request: MmpbsaRequest) -> dict[str, Any]:
    """Write mmpbsa.json, mmpbsa.html and MMPBSA's own files; return the JSON.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: AmberTools is not here.
        MlmmError: MMPBSA failed.
    """
    check_new(request.out)
    find_program("MMPBSA")
    topology = read_topology(request.prmtop)
    ligand = select_atoms(topology, request.ligand_mask)
    paths = [request.trajectory] + ([request.control] if request.control else [])
    ensembles = [(path, read_frames(path, topology, stride=request.stride)) for path in paths]
    with draft(request.out.resolve()) as folder:
        return _estimate(request, topology, ligand, ensembles, folder)


def _estimate(
    request: MmpbsaRequest,
    topology: AmberTopology,
    ligand: tuple[int, ...],
    ensembles: list[tuple[Path, DryFrames]],
    out: Path,
) -> dict[str, Any]:
    """Run every method on every ensemble and write all files."""
    species = split_topology(
        request.prmtop,
        dry_atoms(topology).tolist(),
        ligand,
        igb=request.settings.igb,
        folder=out / "topologies",
    )
    runs: list[BindingRun] = []
    answer: dict[str, Any] = {
        "prmtop": request.prmtop.name,
        "ligand_mask": request.ligand_mask,
        "mode": "one trajectory for complex, receptor and ligand",
        "settings": asdict(request.settings),
        "temperature_k": request.temperature,
        "versions": {"ambertools": version()},
        "runs": [],
    }
    for k, (path, frames) in enumerate(ensembles):
        parts = _parts(frames, ligand)
        for method in request.methods:
            folder = out / f"{method}_{'control' if k else 'run'}"
            run, row = _one(method, request, species, frames, parts, folder, path.name)
            runs.append(run)
            answer["runs"].append(row)
    notes = _notes(topology, request, [frames for _, frames in ensembles])
    answer["notes"] = notes
    write_whole(out / "mmpbsa.json", json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    title = f"Binding energy of {request.ligand_mask} in {request.prmtop.name}"
    write_whole(out / "mmpbsa.html", render_binding(title, runs, notes))
    return answer


def _one(
    method: Method,
    request: MmpbsaRequest,
    species: Topologies,
    frames: DryFrames,
    parts: dict[str, Array],
    folder: Path,
    name: str,
) -> tuple[BindingRun, dict[str, Any]]:
    """Run one method on one ensemble."""
    trajectory = _write_dry(folder, frames)
    tables = run_mmpbsa(method, species, trajectory, request.settings, folder=folder)
    delta = tables["delta"]
    if len(delta["TOTAL"]) != len(frames.positions):
        raise InputError(
            f"MMPBSA used {len(delta['TOTAL'])} of {len(frames.positions)} frames of {name}: see "
            f"{folder / 'mmpbsa.log'}."
        )
    found = means(delta)
    gas = np.sum([delta[term] for term in GAS_TERMS], axis=0)
    entropy = interaction_entropy(gas, thermal_energy(request.temperature) * KCAL_PER_KJ)
    residues: dict[str, float] = {}
    if request.settings.decompose and method == "gb":
        residues = read_residue_table(folder / "residues.csv")
    check = gb_check(species, parts, tables, request.settings) if method == "gb" else None
    label = f"{name}, MM-{'GB' if method == 'gb' else 'PB'}SA"
    run = BindingRun(
        name=label,
        terms={k: _quantity(m) for k, m in found.items()},
        series=delta["TOTAL"],
        entropy=_entropy_words(entropy),
        residues=residues,
        check="" if check is None else check.sentence(),
    )
    row = {
        "trajectory": name,
        "method": method,
        "frames": len(frames.positions),
        "delta_kcal": {k: asdict(m) for k, m in found.items()},
        "species_kcal": {
            one: {k: float(v.mean()) for k, v in terms.items()} for one, terms in tables.items()
        },
        "interaction_entropy": asdict(entropy),
        "residues_kcal": residues,
        "openmm_check": None if check is None else {**asdict(check), "told": check.sentence()},
    }
    return run, row


def _parts(frames: DryFrames, ligand: tuple[int, ...]) -> dict[str, Array]:
    """Return the positions of each species in the frames of the complex."""
    own = np.isin(frames.atoms, ligand)
    whole = frames.positions
    return {"complex": whole, "receptor": whole[:, ~own], "ligand": whole[:, own]}


def _write_dry(folder: Path, frames: DryFrames) -> Path:
    """Write frames as a trajectory into a new folder."""
    folder.mkdir(parents=True)
    trajectory = folder / "dry.nc"
    with TrajectoryWriter(trajectory, Coordinates(frames.positions[0]), velocities=False) as writer:
        for place, time in zip(frames.positions, frames.times, strict=True):
            writer.append(Coordinates(place), float(time))
    return trajectory


def _quantity(m: Mean) -> Quantity:
    return Quantity(m.value, m.stderr, m.inefficiency)


def _entropy_words(found: InteractionEntropy) -> str:
    """Return the sentence on −TΔS."""
    spread = f"the interaction energy spreads by {found.sigma:.2f} kcal/mol"
    if found.value is None:
        return f"refused, since {spread}, more than 6.0, and no average of it converges."
    words = f"−TΔS = {found.value:.2f} ± {found.stderr or 0.0:.2f} kcal/mol; {spread}"
    if found.how == "second cumulant":
        return f"{words}, more than 3.6, so this is the second cumulant alone: take it with care."
    return f"{words}. It is not part of the binding energy above."


def _notes(
    topology: AmberTopology, request: MmpbsaRequest, ensembles: list[DryFrames]
) -> list[str]:
    """Return the sentences that the reader must know."""
    span = ensembles[0].times[-1]
    notes = [
        "Energies are of the MM force field on the frames of one trajectory: what binding costs "
        "in strain of ligand and receptor cancels, and no entropy is in TOTAL.",
        f"{len(ensembles[0].positions)} frames over {span:g} ps of {topology.path.name}; the error "
        "is that of this trajectory, not of another one started elsewhere.",
    ]
    if span < 1000.0:
        notes.append(f"{span:g} ps show how the pipeline works; a result needs nanoseconds.")
    if "pb" in request.methods:
        notes.append("PB uses the radii of the GB model (radiopt=0) and nonpolar term inp=2.")
    return notes
