# SPDX-License-Identifier: MIT
"""Analysis of the trajectory of a complex: numbers, tables and a report."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import spearmanr

from merrow.amber.mask import select_atoms
from merrow.amber.topology import (
    AmberTopology,
    Array,
    IntArray,
    atom_label,
    atom_names,
    read_topology,
)
from merrow.analysis import bfactor, pose
from merrow.analysis.rmsd import rmsd, superposed
from merrow.binding.b_structure import write_b_structure
from merrow.binding.crystal import AlphaCarbons, alpha_carbons, backbone, crystal_b
from merrow.binding.ensembles import trajectories
from merrow.binding.report.data import ComplexReport, Shape, TrajectoryNumbers
from merrow.binding.report.ligand import ligand_drawing
from merrow.binding.report.page import render_complex
from merrow.binding.report.tables import residue_table, series_table
from merrow.binding.view import complex_view
from merrow.errors import InputError
from merrow.files import atomic_write
from merrow.system.torsions import heavy_torsions
from merrow.trajectories import DryFrames, dry_atoms, read_frames, read_reference
from merrow.uncertainty import between_repeats, mean, pearson

POLAR: Final = (7, 8, 9)
FEWEST_INNER: Final = 10
"""Minimum number of residues away from chain ends for a separate correlation."""
B_STRUCTURES: Final = ("bfactors.pdb", "bfactors_mm.pdb")


@dataclass(frozen=True)
class AnalyzeRequest:
    """Settings of an analysis.

    Attributes:
        prmtop, trajectory: Topology and trajectory.
        out: Folder for tables and report.
        reference: Reference coordinates for the RMSD; None for the first frame.
        pdb: Crystal structure with B-factors.
        ligand_mask: Mask of the ligand; None for no ligand.
        mm_reference: MM-only trajectory of the same prmtop.
        stride: Read every n-th frame.
        interactive: Whether the report has an interactive 3-D view.
        interval: Time between frames of the trajectories [ps]; None for that of the files.
    """

    prmtop: Path
    trajectory: Path
    out: Path
    reference: Path | None = None
    pdb: Path | None = None
    ligand_mask: str | None = None
    mm_reference: Path | None = None
    stride: int = 1
    interactive: bool = False
    interval: float | None = None

    def read(self, path: Path, topology: AmberTopology) -> DryFrames:
        """Read one of the trajectories."""
        return read_frames(path, topology, stride=self.stride, interval=self.interval)


@dataclass(frozen=True, eq=False)
class AnalyzeFiles:
    """The checked input files of an analysis besides its trajectories.

    Attributes:
        topology: The prmtop.
        carbons: Its alpha carbons.
        fit: Atoms of the backbone that are superposed, without the ligand's.
        ligand: Atoms of the ligand; empty without one.
        crystal: B-factors of the crystal [Å²]; None without a crystal.
        reference: Reference coordinates for the RMSD [Å]; None for the first frame.
    """

    topology: AmberTopology
    carbons: AlphaCarbons
    fit: IntArray
    ligand: IntArray
    crystal: Array | None
    reference: Array | None


@dataclass(frozen=True, eq=False)
class _Typical:
    """The superposed dry atoms: positions of the frame nearest to their mean [Å], shape (N, 3), and
    u² in every frame [Å²], shape (F, N)."""

    positions: Array
    moved: Array


def analyze(request: AnalyzeRequest) -> dict[str, Any]:
    """Write analysis.json, analysis.html, tables and structures with B-factors; return the JSON.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: The trajectory is not NetCDF, and MDAnalysis is not installed.
    """
    files, paths = read_files(request), trajectories(request.trajectory, request.mm_reference)
    ensembles = ((name, request.read(path, files.topology)) for name, path in paths.items())
    return write_analysis(request, files, ensembles)


def read_files(request: AnalyzeRequest) -> AnalyzeFiles:
    """Read and check all files of a request except its trajectories.

    Raises:
        InputError: The files do not fit together.
    """
    topology = read_topology(request.prmtop)
    carbons, ligand = alpha_carbons(topology), _ligand(request, topology)
    return AnalyzeFiles(
        topology,
        carbons,
        backbone(topology, carbons, ligand),
        ligand,
        None if request.pdb is None else crystal_b(request.pdb, carbons),
        None if request.reference is None else read_reference(request.reference, topology),
    )


def write_analysis(
    request: AnalyzeRequest, files: AnalyzeFiles, ensembles: Iterable[tuple[str, DryFrames]]
) -> dict[str, Any]:
    """Write all output into the request's folder and return the JSON.

    Args:
        request: Settings of the analysis.
        files: Its files.
        ensembles: Name and frames of each trajectory; one at a time is held in memory.

    Raises:
        InputError: There are too few frames.
    """
    topology, ligand = files.topology, files.ligand
    runs, lying, drawing, view = [], [], "", None
    for name, frames in ensembles:
        if not drawing and len(ligand):
            place = frames.positions[0][frames.local(ligand)]
            drawing = ligand_drawing(topology, ligand.tolist(), place)
        lying.append(_typical(frames, files.fit))
        runs.append(_numbers(name, files, frames, lying[-1]))
        if request.interactive and view is None:
            view = complex_view(topology, frames, ligand, runs[0].b_values)
    report = ComplexReport(
        title=f"Motions of {request.prmtop.name}",
        residues=files.carbons.labels,
        crystal_b=files.crystal,
        runs=tuple(runs),
        notes=tuple(_notes(runs, files.crystal)),
        structure=drawing,
        view=view,
    )
    answer = _json(report, request)
    atomic_write(request.out / "analysis.json", json.dumps(answer, indent=2, ensure_ascii=False))
    atomic_write(request.out / "residues.csv", residue_table(report, files.carbons.inner))
    atomic_write(request.out / "series.csv", series_table(report))
    atomic_write(request.out / "analysis.html", render_complex(report))
    for old in B_STRUCTURES[len(lying) :]:  # left by an earlier analysis with an MM reference
        (request.out / old).unlink(missing_ok=True)
    for name, one in zip(B_STRUCTURES, lying, strict=False):
        b = bfactor.b_of(one.moved)
        write_b_structure(request.out / name, topology, dry_atoms(topology), one.positions, b)
    return answer


def _ligand(request: AnalyzeRequest, topology: AmberTopology) -> IntArray:
    """Return the atoms of the ligand; empty without one."""
    if request.ligand_mask is None:
        return np.empty(0, dtype=np.int64)
    atoms = np.array(select_atoms(topology, request.ligand_mask), dtype=np.int64)
    if np.setdiff1d(atoms, dry_atoms(topology)).size:
        raise InputError(
            f"--ligand-mask {request.ligand_mask!r} selects water or single ions of "
            f"{topology.path.name}: name the ligand alone."
        )
    if not len(_heavy(topology, atoms)):
        raise InputError(
            f"--ligand-mask {request.ligand_mask!r} selects hydrogens alone of "
            f"{topology.path.name}: name the whole ligand."
        )
    return atoms


def _heavy(topology: AmberTopology, ligand: IntArray) -> IntArray:
    return np.array([i for i in ligand if topology.numbers[i] > 1], dtype=np.int64)


def _typical(frames: DryFrames, fit: IntArray) -> _Typical:
    """Superpose the frames on their mean; return the frame nearest to it, and u²."""
    turned = bfactor.mean_superposed(frames.positions, frames.local(fit))
    return _Typical(turned[bfactor.typical_frame(turned)], bfactor.squares(turned))


def _shape(
    topology: AmberTopology,
    frames: DryFrames,
    typical: _Typical,
    carbons: AlphaCarbons,
    ligand: IntArray,
) -> Shape:
    """Return the drawing of a frame."""
    heavy = _heavy(topology, ligand).tolist()
    residue = topology.residue_index[list(carbons.atoms)]
    chain = topology.molecule_index[list(carbons.atoms)]
    return Shape(
        typical.positions[frames.local(carbons.atoms)],
        (np.diff(residue) == 1) & (np.diff(chain) == 0),
        typical.positions[frames.local(heavy)],
        topology.bonds_among(heavy),
    )


def _numbers(
    name: str, files: AnalyzeFiles, frames: DryFrames, typical: _Typical
) -> TrajectoryNumbers:
    """Return the numbers of one trajectory."""
    topology, carbons, ligand = files.topology, files.carbons, files.ligand
    start = frames.positions[0] if files.reference is None else files.reference
    fit = frames.local(files.fit)
    lying = superposed(frames.positions, start, fit)
    series = {"protein backbone": rmsd(lying, start, fit)}
    heavy = _heavy(topology, ligand)
    if len(heavy):
        series["ligand in the frame of the protein"] = rmsd(lying, start, frames.local(heavy))
        inner = superposed(frames.positions, start, frames.local(heavy))
        series["ligand by itself"] = rmsd(inner, start, frames.local(heavy))
    moved = typical.moved[:, frames.local(carbons.atoms)]
    found = bfactor.b_factors(moved)
    of_ligand = _ligand_numbers(topology, frames, typical, ligand, heavy) if len(heavy) else {}
    return TrajectoryNumbers(
        name=name,
        times=frames.times,
        span=frames.span if frames.timed else None,
        extent=frames.extent,
        rmsd=series,
        means={key: mean(values) for key, values in series.items()},
        b_values=found.values,
        b_stderr=found.stderr,
        shape=_shape(topology, frames, typical, carbons, ligand),
        correlation=_correlation(frames, moved, found.values, carbons, files.crystal),
        note=frames.note,
        **of_ligand,
    )


def _correlation(
    frames: DryFrames, moved: Array, values: Array, carbons: AlphaCarbons, crystal: Array | None
) -> dict[str, float | None]:
    """Return the correlation of simulated and crystal B-factors; empty below one nanosecond.

    The ends of its interval are None for too few residues.
    """
    if crystal is None or not frames.timed or frames.span < bfactor.SHORTEST:
        return {}
    known = np.isfinite(crystal)
    blocks = bfactor.block_correlations(moved[:, known], crystal[known])
    low, high = bfactor.correlation_interval(values[known], crystal[known]) or (None, None)
    numbers: dict[str, float | None] = {
        "residues": float(known.sum()),
        "pearson": float(pearson(values[known], crystal[known])),
        "pearson_low_95": low,
        "pearson_high_95": high,
        "pearson_stderr_blocks": between_repeats(blocks),
        "spearman": float(spearmanr(values[known], crystal[known]).statistic),
    }
    within = known & carbons.inner
    if within.sum() >= FEWEST_INNER and np.ptp(crystal[within]) > 0.0:
        inner = values[within], crystal[within]
        numbers["pearson_without_ends"] = float(pearson(*inner))
        numbers["spearman_without_ends"] = float(spearmanr(*inner).statistic)
    return numbers


def _ligand_numbers(
    topology: AmberTopology,
    frames: DryFrames,
    typical: _Typical,
    ligand: IntArray,
    heavy: IntArray,
) -> dict[str, Any]:
    """Return B-factors, torsions, contacts and hydrogen bonds of the ligand."""
    numbers = dict(enumerate(topology.numbers))
    quadruples = heavy_torsions(topology, ligand.tolist())
    angles = pose.torsions(frames.positions[:, frames.local(ligand)], quadruples)
    groups: dict[int, list[int]] = {}
    own = set(ligand.tolist())
    for i in frames.atoms.tolist():
        if i not in own and numbers[i] > 1:
            groups.setdefault(int(topology.residue_index[i]), []).append(i)
    parts = pose.contacts(
        frames.positions, frames.local(heavy), [frames.local(g) for g in groups.values()]
    )
    b = bfactor.b_of(typical.moved[:, frames.local(heavy)])
    names = atom_names(topology, ligand)
    return {
        "ligand_b": {names[i]: float(x) for i, x in zip(heavy.tolist(), b, strict=True)},
        "torsions": {
            "–".join(names[ligand[i]] for i in q): pose.populations(angles[:, k])
            for k, q in enumerate(quadruples)
        },
        "contacts": {
            f"{topology.residue_names[r]} {r + 1}": float(x)
            for r, x in zip(groups, parts, strict=True)
            if x > 0.0
        },
        "hydrogen_bonds": _hydrogen_bonds(topology, frames, own),
    }


def _hydrogen_bonds(
    topology: AmberTopology, frames: DryFrames, ligand: set[int]
) -> dict[str, float]:
    """Return the hydrogen bonds between ligand and protein, with either as the donor."""
    near: dict[int, int] = {}
    for i, j in topology.bonds:
        for h, d in ((i, j), (j, i)):
            if topology.numbers[h] == 1 and topology.numbers[d] in POLAR:
                near[h] = d
    dry = frames.atoms.tolist()
    found: dict[str, float] = {}
    for inside in (True, False):
        pairs = [(near[h], h) for h in dry if h in near and (h in ligand) == inside]
        acceptors = [i for i in dry if (i in ligand) != inside and topology.numbers[i] in POLAR]
        if not pairs or not acceptors:
            continue
        donors = [tuple(frames.local(pair).tolist()) for pair in pairs]
        bonds = pose.hydrogen_bonds(frames.positions, donors, frames.local(acceptors))
        for key, part in bonds.items():
            d, h, a = (int(frames.atoms[k]) for k in key)
            name = f"{atom_label(topology, d)}–{topology.names[h]}···{atom_label(topology, a)}"
            found[name] = part
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _notes(runs: Sequence[TrajectoryNumbers], crystal: Array | None) -> list[str]:
    """Return the notes for the reader."""
    notes = [f"{run.name}: {run.extent}." for run in runs]
    notes += [run.note for run in runs if run.note]
    for run in runs:
        if crystal is not None and not run.correlation:
            unknown = run.span is None
            covers = "its times are unknown" if unknown else f"it covers {run.span:g} ps"
            notes.append(
                f"No correlation with the crystal is given for {run.name}: {covers}, and at least "
                f"{bfactor.SHORTEST:g} ps are needed, better five times as long, before loops have "
                "moved at all."
            )
    return notes


def _json(report: ComplexReport, request: AnalyzeRequest) -> dict[str, Any]:
    """Return all numbers except the time series, which are in the tables."""
    return {
        "prmtop": request.prmtop.name,
        "notes": list(report.notes),
        "runs": [
            {
                "trajectory": run.name,
                "frames": len(run.times),
                "span_ps": run.span,
                "extent": run.extent,
                "rmsd_a": {name: vars(q) for name, q in run.means.items()},
                "b_factor_correlation": run.correlation or None,
                "ligand_b_a2": run.ligand_b,
                "torsion_populations": run.torsions,
                "contacts": run.contacts,
                "hydrogen_bonds": run.hydrogen_bonds,
            }
            for run in report.runs
        ],
    }
