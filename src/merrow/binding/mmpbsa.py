# SPDX-License-Identifier: MIT
"""MM-PBSA and MM-GBSA binding energies: of one trajectory, or of free species beside it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from merrow import __version__
from merrow.amber.mask import select_atoms
from merrow.amber.topology import AmberTopology, Array, read_topology
from merrow.ambertools.programs import find_program, version
from merrow.analysis.end_states import INTERNAL
from merrow.analysis.mmpbsa import InteractionEntropy, interaction_entropy
from merrow.binding.free_states import FreeRequest, FreeStates, read_free
from merrow.binding.free_terms import Headline, as_json, comparisons, free_terms, headline
from merrow.binding.gb_check import GbCheck, gb_check
from merrow.binding.mmpbsa_program import (
    RADII,
    Energies,
    Method,
    Settings,
    Topologies,
    read_residue_table,
    run_mmpbsa,
    split_topology,
)
from merrow.binding.report.energy import BindingAbout, BindingRun, changes, render_binding
from merrow.binding.report.ligand import ligand_drawing
from merrow.errors import InputError
from merrow.files import atomic_write
from merrow.folders import check_new, staging_folder
from merrow.free_energy.stored import Verdict, verdict
from merrow.system.potentials import MM
from merrow.trajectories import DryFrames, dry_atoms, read_frames, write_frames
from merrow.uncertainty import mean
from merrow.units import KCAL_PER_KJ, thermal_energy

GAS_TERMS: Final = ("VDWAALS", "EEL")
SHORTEST: Final = 1000.0
"""Time below which a trajectory shows the pipeline rather than a result [ps]."""


@dataclass(frozen=True)
class MmpbsaRequest:
    """What is to be estimated.

    Attributes:
        prmtop, trajectory: The run, solvated or not.
        ligand_mask: Mask of the ligand, whole residues.
        out: Folder for everything.
        methods: "gb", "pb" or both.
        mm_reference: Trajectory of the same prmtop with the MM force field alone.
        free: Trajectories of ligand and receptor by themselves.
        stride: Every how many frames one is taken.
        temperature: For the interaction entropy [K].
        settings: How the solvent is described.
    """

    prmtop: Path
    trajectory: Path
    ligand_mask: str
    out: Path
    methods: tuple[Method, ...] = ("gb",)
    mm_reference: Path | None = None
    free: FreeRequest | None = None
    stride: int = 1
    temperature: float = 298.15
    settings: Settings = field(default_factory=Settings)


def mmpbsa(request: MmpbsaRequest) -> dict[str, Any]:
    """Write mmpbsa.json, mmpbsa.html and MMPBSA's own files; return the JSON.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: AmberTools is not here.
        MerrowError: MMPBSA failed.
    """
    check_new(request.out)
    find_program("MMPBSA")
    topology = read_topology(request.prmtop)
    ligand = select_atoms(topology, request.ligand_mask)
    paths = [request.trajectory] + ([request.mm_reference] if request.mm_reference else [])
    ensembles = [(path, read_frames(path, topology, stride=request.stride)) for path in paths]
    free = None
    if request.free is not None:
        if request.mm_reference is not None:
            raise InputError(
                "the MM reference has no free ligand of its own here: run the command "
                "once for ML/MM and once for MM, each with its own free trajectories."
            )
        bound = species_positions(ensembles[0][1], ligand)["ligand"]
        free = read_free(request.free, topology, ligand, bound, stride=request.stride)
    with staging_folder(request.out.resolve()) as folder:
        return _estimate(request, topology, ligand, ensembles, free, folder)


def _estimate(
    request: MmpbsaRequest,
    topology: AmberTopology,
    ligand: tuple[int, ...],
    ensembles: list[tuple[Path, DryFrames]],
    free: FreeStates | None,
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
        "mode": _mode(free),
        "settings": asdict(request.settings),
        "temperature_k": request.temperature,
        "versions": {"ambertools": version()},
        "runs": [],
    }
    for k, (path, frames) in enumerate(ensembles):
        for method in request.methods:
            folder = out / f"{method}_{'mm' if k else 'run'}"
            ensemble = ("MM" if k else "ML/MM") if request.mm_reference else ""
            one = _One(method, path.name, ensemble, frames, ligand, free)
            run, row = _run(one, request, species, folder)
            runs.append(run)
            answer["runs"].append(row)
    notes = _notes(topology, request, ensembles[0][1], free)
    answer["notes"] = notes
    answer["ml_mm_minus_mm_kcal"] = {
        one.method: dict(zip(("value", "stderr"), one.difference, strict=True))
        for one in changes(runs)
    }
    atomic_write(out / "mmpbsa.json", json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    about = _about(topology, request, ligand, ensembles)
    lengths = [_length(path.name, frames) for path, frames in ensembles]
    atomic_write(out / "mmpbsa.html", render_binding(about, runs, notes, lengths))
    return answer


def _about(
    topology: AmberTopology,
    request: MmpbsaRequest,
    ligand: tuple[int, ...],
    ensembles: list[tuple[Path, DryFrames]],
) -> BindingAbout:
    """Return what the page says about the request."""
    settings = request.settings
    frames = ensembles[0][1]
    residues = dict.fromkeys(int(topology.residue_index[i]) for i in ligand)
    own = frames.positions[0][np.isin(frames.atoms, ligand)]
    return BindingAbout(
        ligand=" ".join(topology.residue_names[i] for i in residues),
        prmtop=request.prmtop.name,
        sampled=" and ".join(
            f"{len(x.positions)} frames over {x.span:g} ps ({path.name})" for path, x in ensembles
        ),
        temperature=request.temperature,
        igb=settings.igb,
        salt=settings.salt,
        surface_tension=settings.surface_tension,
        radii=RADII[settings.igb],
        settings={
            "generalised Born model, igb": str(settings.igb),
            "radii": RADII[settings.igb],
            "salt": f"{settings.salt:g} mol/L",
            "surface tension": f"{settings.surface_tension:g} kcal/mol/Å²",
            "split by residue": "yes" if settings.decompose else "no",
            "every n-th frame": str(request.stride),
            "temperature of the interaction entropy": f"{request.temperature:g} K",
        },
        versions={"merrow": __version__, "AmberTools": version()},
        structure=ligand_drawing(topology, ligand, own),
    )


@dataclass(frozen=True, eq=False)
class _One:
    """One method on one ensemble."""

    method: Method
    name: str
    ensemble: str
    frames: DryFrames
    ligand: tuple[int, ...]
    free: FreeStates | None


def _run(
    one: _One, request: MmpbsaRequest, species: Topologies, folder: Path
) -> tuple[BindingRun, dict[str, Any]]:
    """Run one method on one ensemble and return what the page and the JSON show."""
    settings, frames, free = request.settings, one.frames, one.free
    tables = _tables(one, settings, species, folder)
    delta = {k: v for k, v in tables["delta"].items() if k not in INTERNAL}
    found = {name: mean(values) for name, values in delta.items()}
    gas = np.sum([delta[term] for term in GAS_TERMS], axis=0)
    entropy = interaction_entropy(gas, thermal_energy(request.temperature) * KCAL_PER_KJ)
    residues: dict[str, tuple[float, float]] = {}
    check = None
    if one.method == "gb":
        check = gb_check(species, species_positions(frames, one.ligand), tables, settings)
        if settings.decompose:
            # neighbouring frames are as alike for a residue as they are for the sum of all
            more = math.sqrt(max(found["TOTAL"].inefficiency, 1.0))
            table = read_residue_table(folder / "residues.csv")
            residues = {name: (value, more * error) for name, (value, error) in table.items()}
    added = None
    if free is not None:
        added = free_terms(one.method, free, tables, species, settings, folder=folder)
    first = headline(found["TOTAL"], added, free)
    run = BindingRun(
        name=f"{one.ensemble or one.name}, MM-{one.method.upper()}SA",
        method=f"MM-{one.method.upper()}SA",
        ensemble=one.ensemble,
        answer=(first.value, first.stderr),
        kind=first.kind,
        terms=found,
        series=delta["TOTAL"],
        entropy=_entropy_words(entropy),
        residues=residues,
        headline=_headline_words(first),
        checks=_checks(one, entropy, check),
        comparisons=() if added is None or free is None else comparisons(added, free),
    )
    row = {
        "trajectory": one.name,
        "method": one.method,
        "frames": len(frames.positions),
        "headline_kcal": {**asdict(first), "told": _headline_words(first)},
        "delta_kcal": {k: asdict(m) for k, m in found.items()},
        "species_kcal": {
            key: {k: float(v.mean()) for k, v in terms.items()} for key, terms in tables.items()
        },
        "interaction_entropy": asdict(entropy),
        "residues_kcal": {name: value for name, (value, _) in residues.items()},
        "residues_stderr_kcal": {name: error for name, (_, error) in residues.items()},
        "openmm_check": None if check is None else {**asdict(check), "told": check.sentence()},
        "free_species": None if added is None or free is None else as_json(added, free),
    }
    return run, row


def _tables(one: _One, settings: Settings, species: Topologies, folder: Path) -> Energies:
    """Run MMPBSA and see that it used every frame."""
    path = write_frames(folder, one.frames)
    every = one.free is not None
    tables = run_mmpbsa(one.method, species, path, settings, folder=folder, every_term=every)
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


def _checks(one: _One, entropy: InteractionEntropy, check: GbCheck | None) -> list[Verdict]:
    """Return what speaks for the numbers of a run, and what against."""
    name = one.ensemble or one.name
    found = [
        verdict(
            f"interaction entropy, {name}, MM-{one.method.upper()}SA",
            entropy.how == "exponential",
            f"The interaction energy spreads by {entropy.sigma:.2f} kcal/mol; its exponential "
            "average converges up to 3.6.",
            "" if entropy.how == "exponential" else "take no entropy from this trajectory",
        ),
    ]
    if check is not None:
        title = f"GB by two programs, {name}"
        found.append(verdict(title, check.agree, check.sentence(), serious=True))
    return found


def _length(name: str, frames: DryFrames) -> Verdict:
    long = frames.span >= SHORTEST
    advice = "" if long else "a result needs nanoseconds, and a second trajectory"
    return verdict(f"length, {name}", long, f"{name} covers {frames.span:g} ps.", advice)


def _entropy_words(found: InteractionEntropy) -> str:
    """Return the sentence on −TΔS."""
    spread = f"the interaction energy spreads by {found.sigma:.2f} kcal/mol"
    if found.value is None:
        return f"refused, since {spread}, more than 6.0, and no average of it converges."
    words = f"−TΔS = {found.value:.2f} ± {found.stderr or 0.0:.2f} kcal/mol; {spread}"
    if found.how == "second cumulant":
        return f"{words}, more than 3.6, so this is the second cumulant alone: take it with care."
    return f"{words}. It is not part of the binding energy above."


def _headline_words(found: Headline) -> str:
    """Return the sentence on the binding energy."""
    words = f"{found.value:.2f} ± {found.stderr:.2f} kcal/mol from {found.kind}, without entropy."
    return f"{words} {found.why}".strip()


def _mode(free: FreeStates | None) -> str:
    if free is None:
        return "one trajectory for complex, receptor and ligand"
    species = "ligand" if free.receptor is None else "ligand and receptor"
    return f"trajectories of the complex and of the free {species}"


def _notes(
    topology: AmberTopology, request: MmpbsaRequest, frames: DryFrames, free: FreeStates | None
) -> list[str]:
    """Return the sentences that the reader must know."""
    span = frames.span
    notes = [
        "Terms are of the MM force field on the frames of the complex: what binding costs in "
        "strain of ligand and receptor cancels in them, and no entropy is in TOTAL.",
        f"{len(frames.positions)} frames over {span:g} ps of {topology.path.name}; the error "
        "is that of this trajectory, not of another one started elsewhere.",
    ]
    if free is not None:
        own = "its own MM terms" if free.potential == MM else f"E_ML ({free.potential})"
        notes.append(
            f"Free ligand: {len(free.ligand.positions)} frames over {free.ligand.span:g} ps; "
            f"its energy by itself is {own}. Trajectories count as independent."
        )
        span = min(span, free.ligand.span)
    if span < SHORTEST:
        notes.append(f"{span:g} ps show how the pipeline works; a result needs nanoseconds.")
    if "pb" in request.methods:
        notes.append("PB uses the radii of the GB model (radiopt=0) and nonpolar term inp=2.")
    return notes
