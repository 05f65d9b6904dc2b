# SPDX-License-Identifier: MIT
"""`merrow.prepare_complex`, `merrow.analyze`, `merrow.mmpbsa`: protein–ligand complexes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from merrow.api.showing import JobResult, quantities
from merrow.binding.analyze import AnalyzeRequest
from merrow.binding.analyze import analyze as run_analysis
from merrow.binding.ensembles import MmpbsaRequest, entropy_temperature
from merrow.binding.free_states import free_request
from merrow.binding.mmpbsa import mmpbsa as run_mmpbsa
from merrow.binding.mmpbsa_program import Method, solvent_settings
from merrow.binding.prepare.complex import WATERS, ComplexRequest, Waters
from merrow.binding.prepare.complex import prepare_complex as run_preparation
from merrow.errors import InputError
from merrow.settings import one_of


def prepare_complex(
    protein: str | Path,
    ligand: str | Path,
    *,
    out: str | Path,
    ph: float = 7.4,
    buffer: float | None = None,
    ions: float | None = None,
    implicit: bool = False,
    remove: Sequence[str] = (),
    waters: Waters | None = None,
    charges: Literal["bcc", "abcg2", "file"] = "bcc",
    protein_ff: Literal["ff14SB", "ff19SB"] = "ff14SB",
    relax_clashes: bool = False,
    ligand_as_given: bool = False,
) -> JobResult:
    """Prepare AMBER files of a protein–ligand complex, as `merrow prepare complex` does.

    Args:
        protein: PDB or mmCIF file of the protein.
        ligand: SDF, MOL or MOL2 file of the pose, with all hydrogens.
        out: New folder for all files.
        ph, buffer: pH; water around the complex [Å], None for 10.
        ions: Salt besides counter-ions [mol/l], None for 0.15.
        implicit: Whether the water box is left out, with buffer, ions and waters.
        remove: Residues to remove, such as ("GOL", "GLY:A:201").
        waters: Crystal waters: "keep" or "none"; None to keep them.
        charges, protein_ff: Charge model of the ligand; force field of the protein.
        relax_clashes: Whether a clashing pose is minimised instead of refused.
        ligand_as_given: Whether an unusual protonation of the ligand is accepted.

    Returns:
        A report of every change; its table compares OpenMM and sander energies [kcal/mol].

    Raises:
        InputError: The input is ambiguous, or the folder is in use.
        UnsupportedPhysicsError: The method cannot treat this system.
        MissingComponentError: AmberTools or PDB2PQR is not installed.
    """
    request = ComplexRequest(
        protein=Path(protein),
        ligand=Path(ligand),
        out=Path(out),
        ph=ph,
        buffer=buffer,
        ions=ions,
        implicit=implicit,
        remove=tuple(remove),
        waters=None if waters is None else one_of("waters", waters, WATERS),
        charges=one_of("charges", charges, ("bcc", "abcg2", "file")),
        force_field=one_of("protein_ff", protein_ff, ("ff14SB", "ff19SB")),
        relax_clashes=relax_clashes,
        ligand_as_given=ligand_as_given,
    )
    found = run_preparation(request)
    rows = tuple({"term": term, **row} for term, row in found["energies_kcal"].items())
    return JobResult(f"Complex in {request.out}", found, rows, request.out)


def analyze(
    prmtop: str | Path,
    trajectory: str | Path,
    *,
    out: str | Path,
    reference: str | Path | None = None,
    pdb: str | Path | None = None,
    ligand_mask: str | None = None,
    mm_reference: str | Path | None = None,
    stride: int = 1,
    frame_interval: float | None = None,
    interactive: bool = False,
) -> JobResult:
    """Analyse the trajectory of a complex, as `merrow analyze` does.

    Args:
        prmtop: Topology of the trajectory.
        trajectory: Trajectory file, or a folder of `merrow.simulate`.
        out: Folder for tables and report.
        reference: Reference coordinates for the RMSD; None for the first frame.
        pdb: Crystal structure with B-factors.
        ligand_mask: AMBER mask of the ligand.
        mm_reference: MM-only trajectory of the same prmtop.
        stride: Read every n-th frame.
        frame_interval: Time between frames of the trajectories [ps]; None: as they say.
        interactive: Add an interactive 3-D view to the report.

    Returns:
        All results; the table holds those with a standard error.

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: The trajectory needs MDAnalysis, which is not installed.
    """
    request = AnalyzeRequest(
        Path(prmtop),
        Path(trajectory),
        Path(out),
        _path(reference),
        _path(pdb),
        ligand_mask,
        _path(mm_reference),
        stride,
        interactive,
        frame_interval,
    )
    found = run_analysis(request)
    return JobResult(f"Motions of {request.prmtop.name}", found, _rows(found), request.out)


def mmpbsa(
    prmtop: str | Path,
    trajectory: str | Path,
    *,
    ligand_mask: str,
    out: str | Path,
    method: Method | Sequence[Method] = "gb",
    mm_reference: str | Path | None = None,
    free_ligand: str | Path | None = None,
    free_ligand_prmtop: str | Path | None = None,
    free_receptor: str | Path | None = None,
    free_receptor_prmtop: str | Path | None = None,
    potential: str | None = None,
    weights: str | Path | None = None,
    stride: int = 1,
    frame_interval: float | None = None,
    igb: int = 5,
    salt: float = 0.15,
    surface_tension: float | None = None,
    decompose: bool = False,
    temperature: float | None = None,
    interactive: bool = False,
) -> JobResult:
    """Estimate a binding energy by AmberTools' MM-PB(GB)SA, as `merrow mmpbsa` does.

    Args:
        prmtop, trajectory: Topology; trajectory, or a folder of `merrow.simulate`.
        ligand_mask, out: AMBER mask of the ligand; new folder for the results.
        method, mm_reference: "gb", "pb", or both; MM-only trajectory of the same prmtop.
        free_ligand, free_receptor, ..._prmtop: Trajectories of the free species, for the strain.
        potential, weights: ML potential that sampled the ligand; its energy replaces MM there.
        igb, salt, surface_tension: GB model; salt [mol/l]; nonpolar term [kcal/mol/Å²], or 0.0072.
        decompose, interactive, stride: Split by residue; add a 3-D view; read every n-th frame.
        temperature, frame_interval: Of the entropy [K], None for the simulation's, else 298.15;
            time between frames of the files [ps].

    Returns:
        All results; the table holds those with a standard error [kcal/mol].

    Raises:
        InputError: The files do not fit together, or there are too few frames.
        MissingComponentError: AmberTools is not installed.
    """
    methods = _methods(method)
    request = MmpbsaRequest(
        *(Path(prmtop), Path(trajectory), ligand_mask, Path(out), methods),
        mm_reference=_path(mm_reference),
        free=free_request(
            (_path(free_ligand_prmtop), _path(free_ligand)),
            (_path(free_receptor_prmtop), _path(free_receptor)),
            *(potential, _path(weights)),
        ),
        stride=stride,
        interval=frame_interval,
        temperature=entropy_temperature(Path(trajectory), temperature),
        settings=solvent_settings(methods, igb, salt, surface_tension, decompose=decompose),
        interactive=interactive,
    )
    found = run_mmpbsa(request)
    return JobResult(f"Binding energy of {ligand_mask}", found, _rows(found), request.out)


def _methods(method: Method | Sequence[Method]) -> tuple[Method, ...]:
    asked = (method,) if isinstance(method, str) else tuple(dict.fromkeys(method))
    if not asked or set(asked) - {"gb", "pb"}:
        raise InputError(f"method {method!r} is not known; use gb, pb or both.")
    return asked


def _rows(found: dict[str, Any]) -> tuple[dict[str, object], ...]:
    """Return the numbers with standard errors of all trajectories."""
    return tuple(
        {key: run[key] for key in ("trajectory", "method") if key in run} | row
        for run in found["runs"]
        for row in quantities(run)
    )


def _path(path: str | Path | None) -> Path | None:
    return None if path is None else Path(path)
