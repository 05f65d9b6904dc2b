# SPDX-License-Identifier: MIT
"""MM-PBSA and MM-GBSA binding energies, from one trajectory or with free species."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from merrow import __version__
from merrow.amber.topology import AmberTopology
from merrow.ambertools.programs import version
from merrow.analysis.end_states import INTERNAL
from merrow.analysis.mmpbsa import InteractionEntropy, interaction_entropy
from merrow.binding.ensembles import (
    Ensemble,
    MmpbsaRequest,
    RequestFiles,
    make_topologies,
    read_request,
    run_tables,
    species_positions,
)
from merrow.binding.free_states import FreeStates
from merrow.binding.free_terms import Headline, as_json, comparisons, free_terms, headline
from merrow.binding.gb_check import GbCheck, gb_check
from merrow.binding.mmpbsa_program import (
    RADII,
    Topologies,
    read_residue_table,
)
from merrow.binding.report.checks import judge_frames
from merrow.binding.report.energy import BindingAbout, BindingRun, changes, render_binding
from merrow.binding.report.ligand import ligand_drawing
from merrow.binding.view import complex_view
from merrow.files import atomic_write
from merrow.folders import staging_folder
from merrow.free_energy.stored import Verdict, verdict
from merrow.progress import Listener, Progress, silent
from merrow.report.text import energy, stderr
from merrow.system.potentials import MM
from merrow.trajectories import DryFrames, dry_atoms
from merrow.uncertainty import Mean, mean
from merrow.units import KCAL_PER_KJ, thermal_energy

GAS_TERMS: Final = ("VDWAALS", "EEL")
SHORTEST: Final = 1000.0
"""Time below which a trajectory is only a test of the workflow [ps]."""
OF_GB: Final = ("surface_tension", "decompose")
"""Settings that PB alone has not."""
OTHER_SURFACE: Final = (
    "Shares of residues do not sum to TOTAL: MMPBSA takes their nonpolar term from another surface "
    "(gbsa=2) than that of TOTAL (LCPO)."
)
SPECIES: Final = ("complex", "receptor", "ligand")


def mmpbsa(request: MmpbsaRequest, listen: Listener = silent) -> dict[str, Any]:
    """Write mmpbsa.json, mmpbsa.html and MMPBSA's own files; return the JSON.

    Args:
        request: Settings of the estimate.
        listen: Called with the progress.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: AmberTools is not installed.
        MerrowError: MMPBSA failed.
    """
    listen(Progress("reading trajectories", known=False))
    read = read_request(request)
    with staging_folder(request.out.resolve()) as folder:
        return _estimate(request, read, folder, listen)


def _estimate(
    request: MmpbsaRequest, read: RequestFiles, out: Path, listen: Listener
) -> dict[str, Any]:
    """Apply every method to every ensemble and write all files."""
    topology, ensembles, free = read.topology, read.ensembles, read.free
    species = make_topologies(request, read, out)
    meter = _Meter(len(request.methods) * sum(len(frames.positions) for _, frames in ensembles))
    runs: list[BindingRun] = []
    answer: dict[str, Any] = {
        "prmtop": request.prmtop.name,
        "ligand_mask": request.ligand_mask,
        "mode": _mode(free),
        "settings": _settings(request),
        "temperature_k": request.temperature,
        "versions": {"ambertools": version()},
        "runs": [],
    }
    for k, (name, frames) in enumerate(ensembles):
        for method in request.methods:
            folder = out / f"{method}_{'mm' if k else 'run'}"
            ensemble = ("MM" if k else "ML/MM") if request.mm_reference else ""
            one = Ensemble(method, name, ensemble, frames, read.ligand, free)
            run, row = _run(one, request, species, folder, partial(meter.tell, listen, one))
            meter.before += len(frames.positions)
            runs.append(run)
            answer["runs"].append(row)
    notes = _notes(request, read)
    answer["notes"] = notes
    answer["ml_mm_minus_mm_kcal"] = {
        one.method: dict(zip(("value", "stderr"), one.difference, strict=True))
        for one in changes(runs)
    }
    atomic_write(out / "mmpbsa.json", json.dumps(answer, indent=2, ensure_ascii=False) + "\n")
    about = _about(topology, request, read.ligand, ensembles)
    lengths = [_length(name, frames) for name, frames in ensembles]
    atomic_write(out / "mmpbsa.html", render_binding(about, runs, notes, lengths))
    return answer


def _about(
    topology: AmberTopology,
    request: MmpbsaRequest,
    ligand: tuple[int, ...],
    ensembles: list[tuple[str, DryFrames]],
) -> BindingAbout:
    """Return the description of the request for the report."""
    settings = request.settings
    frames = ensembles[0][1]
    residues = dict.fromkeys(int(topology.residue_index[i]) for i in ligand)
    own = frames.positions[0][np.isin(frames.atoms, ligand)]
    return BindingAbout(
        ligand=" ".join(topology.residue_names[i] for i in residues),
        prmtop=request.prmtop.name,
        sampled=" and ".join(f"{x.extent} ({name})" for name, x in ensembles),
        temperature=request.temperature,
        igb=settings.igb,
        salt=settings.salt,
        surface_tension=settings.surface_tension,
        radii=RADII[settings.igb],
        settings=_rows(request),
        versions={"merrow": __version__, "AmberTools": version()},
        structure=ligand_drawing(topology, ligand, own),
        view=complex_view(topology, frames, np.array(ligand)) if request.interactive else None,
    )


def _settings(request: MmpbsaRequest) -> dict[str, Any]:
    """Return the settings of the solvent model that have an effect, for the JSON."""
    left_out = () if "gb" in request.methods else OF_GB
    return {key: value for key, value in asdict(request.settings).items() if key not in left_out}


def _rows(request: MmpbsaRequest) -> dict[str, str]:
    """Return the settings that have an effect, for the report."""
    settings = request.settings
    of_gb = {
        "surface tension": f"{settings.surface_tension:g} kcal/mol/Å²",
        "split by residue": "yes" if settings.decompose else "no",
    }
    return {
        "generalised Born model, igb": str(settings.igb),
        "radii": RADII[settings.igb],
        "salt": f"{settings.salt:g} mol/L",
        **(of_gb if "gb" in request.methods else {}),
        "every n-th frame": str(request.stride),
        "temperature of the interaction entropy": f"{request.temperature:g} K",
    }


@dataclass
class _Meter:
    """Reports the progress in frames and the time left at the current speed."""

    total: int
    before: int = 0
    began: float = field(default_factory=time.monotonic)

    def tell(self, listen: Listener, one: Ensemble, done: int) -> None:
        """Report the number of finished frames of an ensemble, over its three species."""
        frames = self.before + done / len(SPECIES)
        passed = time.monotonic() - self.began
        left = passed * (self.total - frames) / frames if frames else None
        text = f"MM-{one.method.upper()}SA of {one.name}"
        listen(Progress(text, min(1.0, frames / self.total), remaining_s=left))


def _run(
    one: Ensemble,
    request: MmpbsaRequest,
    species: Topologies,
    folder: Path,
    tell: Callable[[int], None],
) -> tuple[BindingRun, dict[str, Any]]:
    """Apply a method to an ensemble and return the data of report and JSON."""
    settings, frames, free = request.settings, one.frames, one.free
    tables = run_tables(one, settings, species, folder, tell)
    delta = {k: v for k, v in tables["delta"].items() if k not in INTERNAL}
    found = {name: mean(values) for name, values in delta.items()}
    gas = np.sum([delta[term] for term in GAS_TERMS], axis=0)
    entropy = interaction_entropy(gas, thermal_energy(request.temperature) * KCAL_PER_KJ)
    residues: dict[str, tuple[float, float]] = {}
    check = None
    if one.method == "gb":
        check = gb_check(species, species_positions(frames, one.ligand), tables, settings)
        if settings.decompose:
            residues = residue_shares(folder / "residues.csv", species, found["TOTAL"])
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
        checks=_checks(one, found["TOTAL"], entropy, check),
        comparisons=() if added is None or free is None else comparisons(added, free),
    )
    row = {
        "trajectory": one.name,
        "ensemble": one.ensemble,
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


def residue_shares(path: Path, species: Topologies, total: Mean) -> dict[str, tuple[float, float]]:
    """Return the share of each residue in the binding energy, and its standard error [kcal/mol].

    A share is taken to be as correlated in time as the total. MMPBSA's variance is the mean of the
    squares of n deviations, which is low by a factor of (n − 1)/n.

    Args:
        path: MMPBSA's -do table.
        species: Topologies used by MMPBSA.
        total: The binding energy.
    """
    more = math.sqrt(total.inefficiency * total.n_frames / (total.n_frames - 1))
    table = read_residue_table(path, species.residues)
    return {name: (value, more * error) for name, (value, error) in table.items()}


def _checks(
    one: Ensemble, total: Mean, entropy: InteractionEntropy, check: GbCheck | None
) -> list[Verdict]:
    """Return the checks of the numbers of a run."""
    name = one.ensemble or one.name
    found = [
        judge_frames(f"{name}, MM-{one.method.upper()}SA", [total]),
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
    long = frames.timed and frames.span >= SHORTEST
    advice = "" if long else "a result needs nanoseconds, and a second trajectory"
    return verdict(f"length, {name}", long, f"{name} has {frames.extent}.", advice)


def _entropy_words(found: InteractionEntropy) -> str:
    """Return the sentence on −TΔS."""
    spread = f"the interaction energy spreads by {found.sigma:.2f} kcal/mol"
    if found.value is None:
        return f"refused, since {spread}, more than 6.0, and no average of it converges."
    words = f"−TΔS = {energy(found.value)} ± {stderr(found.stderr or 0.0)} kcal/mol; {spread}"
    if found.how == "second cumulant":
        return f"{words}, more than 3.6, so this is the second cumulant alone: take it with care."
    return f"{words}. It is not part of the binding energy above."


def _headline_words(found: Headline) -> str:
    """Return the sentence on the binding energy."""
    value = f"{energy(found.value)} ± {stderr(found.stderr)} kcal/mol"
    return f"{value} from {found.kind}, without entropy. {found.why}".strip()


def _mode(free: FreeStates | None) -> str:
    if free is None:
        return "one trajectory for complex, receptor and ligand"
    species = "ligand" if free.receptor is None else "ligand and receptor"
    return f"trajectories of the complex and of the free {species}"


def _notes(request: MmpbsaRequest, read: RequestFiles) -> list[str]:
    """Return the notes for the reader."""
    topology, free = read.topology, read.free
    every = [frames for _, frames in read.ensembles]
    if free is not None:
        every += [frames for frames in (free.ligand, free.receptor) if frames is not None]
    shortest = min((x.span for x in every if x.timed), default=np.inf)
    notes = [
        "Terms are of the MM force field on the frames of the complex: what binding costs in "
        "strain of ligand and receptor cancels in them, and no entropy is in TOTAL.",
        f"{every[0].extent} of {topology.path.name}; the error is that of this trajectory, not of "
        "another one started elsewhere.",
    ]
    if free is not None:
        own = "its own MM terms" if free.potential == MM else f"E_ML ({free.potential})"
        notes.append(
            f"Free ligand: {free.ligand.extent}; its energy by itself is {own}. Trajectories count "
            "as independent."
        )
    several = set(topology.molecule_index[list(read.ligand)].tolist())
    if len(several) > 1:
        notes.append(f"{request.ligand_mask} selects {len(several)} molecules: all are the ligand.")
    notes += _receptor_notes(topology, read.ligand)
    notes += [frames.note for frames in every if frames.note]
    if "gb" in request.methods and request.settings.decompose and request.settings.surface_tension:
        notes.append(OTHER_SURFACE)
    if shortest < SHORTEST:
        notes.append(f"{shortest:g} ps show how the pipeline works; a result needs nanoseconds.")
    if "pb" in request.methods:
        notes.append("PB uses the radii of the GB model (radiopt=0) and nonpolar term inp=2.")
    return notes


def _receptor_notes(topology: AmberTopology, ligand: tuple[int, ...]) -> list[str]:
    """Say of which molecules the receptor is, if there are several, such as a cosolvent's."""
    left, residue = set(dry_atoms(topology).tolist()).difference(ligand), topology.residue_index
    molecules = [atoms for atoms in topology.molecules if left.intersection(atoms)]
    if len(molecules) < 2:
        return []
    small = [atoms for atoms in molecules if len({int(residue[i]) for i in atoms}) == 1]
    counts = Counter(topology.residue_names[residue[atoms[0]]] for atoms in small)
    names = ", ".join(f"{n} {name}" for name, n in counts.items())
    among = f" ({names} among them)" if names else ""
    return [
        f"The receptor is {len(molecules)} molecules{among}: all but the ligand, water and single "
        "ions."
    ]
