# SPDX-License-Identifier: MIT
"""Preparation of a complex from a PDB file and a ligand pose, with a report of every change."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np

from merrow import __version__
from merrow.amber.coordinates import read_coordinates
from merrow.amber.topology import read_topology
from merrow.ambertools import sander
from merrow.ambertools.file_charges import doubt
from merrow.ambertools.molecule import InputMolecule
from merrow.ambertools.prepare import check_choice, parametrize
from merrow.ambertools.programs import find_program, version
from merrow.binding.prepare.ligand_form import check_form
from merrow.binding.prepare.pose import (
    CLASH,
    Pose,
    check_pose,
    crystal_waters,
    own_copies,
    read_ligand,
)
from merrow.binding.prepare.protein import Protein, read_protein, refuse_unknown
from merrow.binding.prepare.protonate import Protonated, protonate, require_pdb2pqr
from merrow.binding.prepare.tleap import (
    ComplexFiles,
    ProteinForceField,
    build_dry,
    complex_files,
    relax,
    solvate_complex,
)
from merrow.errors import InputError, MerrowError
from merrow.files import atomic_write
from merrow.folders import check_new, staging_folder
from merrow.progress import Listener, Progress, silent
from merrow.single_point import SinglePoint, single_point

BUFFER: Final = 10.0
"""Usual water around a complex [Å]."""
IONS: Final = 0.15
"""Usual salt besides counter-ions [mol/l]."""
Waters = Literal["keep", "none"]
WATERS: Final[tuple[Waters, ...]] = ("keep", "none")
"""What becomes of crystal waters."""
REPORT: Final = "preparation.json"
ENERGY_TOLERANCE: Final = 0.01
"""Tolerance for a term between sander and OpenMM [kcal/mol]; sander prints four decimals of terms
of some thousands."""


@dataclass(frozen=True)
class ComplexRequest:
    """Settings of the preparation.

    Attributes:
        protein: PDB file.
        ligand: SDF, MOL or MOL2 file with all hydrogens, in the frame of the protein.
        out: Folder, absent or empty.
        ph: pH.
        buffer: Minimum distance between solute and box face [Å]; None for `BUFFER`.
        ions: Salt besides counter-ions [mol/l]; None for `IONS`.
        implicit: Whether only dry files are made, without a box.
        remove: Residues to remove, as GOL or GLY:A:201.
        waters: Whether crystal waters are kept; None: yes.
        relax_clashes: Whether a clashing pose is minimised instead of refused.
        ligand_as_given: Whether an unusual protonation of the ligand is accepted.
        charges: Charge model of the ligand.
        force_field: Force field of the protein.
    """

    protein: Path
    ligand: Path
    out: Path
    ph: float = 7.4
    buffer: float | None = None
    ions: float | None = None
    implicit: bool = False
    remove: tuple[str, ...] = ()
    waters: Waters | None = None
    relax_clashes: bool = False
    ligand_as_given: bool = False
    charges: Literal["bcc", "abcg2", "file"] = "bcc"
    force_field: ProteinForceField = "ff14SB"

    @property
    def around(self) -> float:
        """Water around the complex [Å]."""
        return BUFFER if self.buffer is None else self.buffer

    @property
    def salt(self) -> float:
        """Salt besides counter-ions [mol/l]."""
        return IONS if self.ions is None else self.ions


def prepare_complex(request: ComplexRequest, listen: Listener = silent) -> dict[str, Any]:
    """Prepare the files and return the report, which is also written to preparation.json.

    Args:
        request: Settings of the preparation.
        listen: Called with the current step.

    Raises:
        InputError: The input is ambiguous, or the folder is in use.
        UnsupportedPhysicsError: The method cannot treat this system.
        MissingComponentError: AmberTools or PDB2PQR is not installed.
        MerrowError: A program failed, or OpenMM and sander energies of the result differ.
    """
    listen(Progress("reading protein and ligand", known=False))
    checked = check_request(request)
    with staging_folder(request.out.resolve()) as folder:
        return _prepare(request, *checked, folder, listen)


def _prepare(
    request: ComplexRequest,
    protein: Protein,
    molecule: InputMolecule,
    pose: Pose,
    folder: Path,
    listen: Listener,
) -> dict[str, Any]:
    """Make all files in a folder and return the report."""
    listen(Progress("adding hydrogens to the protein", known=False))
    whole = protonate(protein, ph=request.ph, folder=folder / "protonation")
    listen(Progress(f"parameters of the ligand, charges {request.charges}", known=False))
    ligand = parametrize(molecule, charges=request.charges, folder=folder / "ligand")
    listen(Progress("building the complex", known=False))
    build_dry(whole, ligand, force_field=request.force_field, folder=folder)
    waters = crystal_waters(protein, molecule)
    kept = () if request.waters == "none" or request.implicit else waters.kept
    moved = None
    if pose.clashes:
        labels = [residue.label for residue in protein.residues()]
        near = [labels.index(name) + 1 for name in pose.neighbours]
        relax(whole, near, force_field=request.force_field, folder=folder)
        moved = _relaxed(protein, whole, folder)
    if request.implicit:
        files = complex_files(folder, None)
    else:
        files = solvate_complex(
            whole,
            kept,
            force_field=request.force_field,
            folder=folder,
            buffer=request.around,
            ions=request.salt,
        )
    report = _report(request, protein, molecule, whole, files)
    report["pose"] = asdict(pose) | {"relaxation": moved}
    report["removed"] = {
        "groups": protein.removed,
        "waters_in_the_place_of_the_ligand": waters.in_ligand,
        "waters_in_the_place_of_other_atoms": waters.in_turn,
    }
    report["system"]["crystal_waters_kept"] = len(kept)
    listen(Progress("comparing energies with sander", known=False))
    report["energies_kcal"] = compare_energies(*files.complex)
    atomic_write(folder / REPORT, json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    return report


def compare_energies(prmtop: Path, inpcrd: Path) -> dict[str, dict[str, float]]:
    """Return every energy term of the dry complex by sander and OpenMM [kcal/mol].

    Raises:
        MerrowError: A term differs by more than the tolerance.
    """
    theirs = sander.single_point(prmtop, inpcrd)
    ours = single_point(
        SinglePoint(prmtop, inpcrd, None, "mm", double=True, amber_coulomb=True)
    ).terms
    table = {
        name: {"sander": value, "openmm": ours[name], "difference": ours[name] - value}
        for name, value in theirs.items()
        if name in ours
    }
    for name, row in table.items():
        # sander prints four decimals of a double-precision sum
        if abs(row["difference"]) > max(ENERGY_TOLERANCE, 1e-7 * abs(row["sander"])):
            raise MerrowError(
                f"the term {name} of {prmtop} is {row['openmm']:.4f} kcal/mol in OpenMM and "
                f"{row['sander']:.4f} in sander: please report it."
            )
    return table


def check_request(request: ComplexRequest) -> tuple[Protein, InputMolecule, Pose]:
    """Check the input before anything is computed or written.

    Raises:
        InputError: The input is ambiguous, or the folder is in use.
        UnsupportedPhysicsError: The method cannot treat this system.
        MissingComponentError: AmberTools or PDB2PQR is not installed.
    """
    out = request.out
    check_new(out)
    if not 0.0 <= request.ph <= 14.0:
        raise InputError(f"--ph {request.ph:g} is not between 0 and 14.")
    check_box(request)
    for program in ("tleap", "antechamber", "sander"):
        find_program(program)
    require_pdb2pqr()
    protein = read_protein(request.protein, remove=request.remove)
    molecule = read_ligand(request.ligand)
    check_choice(molecule, request.charges, 2)
    _, others = own_copies(protein, molecule)
    refuse_unknown(protein, others)
    if not request.ligand_as_given:
        check_form(molecule, request.ph)
    pose = check_pose(protein, molecule, allow_clashes=request.relax_clashes)
    return protein, molecule, pose


def check_box(request: ComplexRequest) -> None:
    """Check the settings of the box.

    Raises:
        InputError: One is out of its range, or is given for a complex without a box.
    """
    given = {"--buffer": request.buffer, "--ions": request.ions, "--waters": request.waters}
    for name, value in given.items():
        if request.implicit and value is not None:
            raise InputError(
                f"{name} has no effect with --implicit, which makes no water box; leave it out."
            )
    if not 4.0 <= request.around <= 30.0:
        raise InputError(f"--buffer {request.around:g} Å is not between 4 and 30 Å.")
    if not 0.0 <= request.salt <= 2.0:
        raise InputError(f"--ions {request.salt:g} is not between 0 and 2 mol/l.")


def _relaxed(protein: Protein, whole: Protonated, folder: Path) -> dict[str, float]:
    """Return the displacement of the ligand and its shortest distance to the protein [Å].

    Raises:
        InputError: The clash remains.
    """
    topology = read_topology(folder / "complex.prmtop")
    heavy = np.array(topology.numbers) > 1
    ligand = topology.residue_index == len(whole.names)
    now = read_coordinates(folder / "complex.inpcrd", len(topology)).positions
    start = read_coordinates(folder / "ligand" / "gas.inpcrd").positions
    shift = now[ligand & heavy] - start[heavy[ligand]]
    pairs = now[ligand & heavy][:, None] - now[~ligand & heavy][None]
    shortest = float(np.linalg.norm(pairs, axis=-1).min())
    if shortest < CLASH:
        raise InputError(
            f"after relaxation the ligand is still {shortest:.2f} Å from {protein.path.name}: "
            "give a pose without clashes."
        )
    return {
        "ligand_rmsd_a": math.sqrt(float((shift**2).sum(axis=1).mean())),
        "min_distance_a": shortest,
    }


def _report(
    request: ComplexRequest,
    protein: Protein,
    molecule: InputMolecule,
    whole: Protonated,
    files: ComplexFiles,
) -> dict[str, Any]:
    """Return a report of the system and of every change."""
    solvated = files.solvated
    return {
        "input": {"protein": request.protein.name, "ligand": request.ligand.name, "ph": request.ph},
        "ligand": {
            "smiles": molecule.smiles,
            "charge_e": molecule.charge,
            "charges": request.charges,
            "charge_type": molecule.charge_type if request.charges == "file" else "",
            "doubts": doubt(molecule) if request.charges == "file" else "",
            "force_field": "GAFF2",
        },
        "protein": {
            "chains": chain_names(protein),
            "force_field": request.force_field,
            "residue_names": list(whole.names),
            "residue_labels": [residue.label for residue in protein.residues()],
        },
        "changes": changes(protein, whole),
        "system": {
            "dry_charge_e": files.charge,
            "waters": files.n_waters,
            "sodium": files.n_sodium,
            "chloride": files.n_chloride,
            "water_model": None if solvated is None else "TIP3P",
            "born_radii": "mbondi2",
        },
        "files": {
            "complex": [p.name for p in files.complex],
            "receptor": [p.name for p in files.receptor],
            "ligand": [p.name for p in files.ligand],
            "solvated": None if solvated is None else [p.name for p in solvated],
        },
        "versions": {"merrow": __version__, "ambertools": version()},
    }


def chain_names(protein: Protein) -> list[str]:
    """Name each chain by its first and last residue."""
    return [f"{chain[0].label} to {chain[-1].label}" for chain in protein.chains]


def changes(protein: Protein, whole: Protonated) -> dict[str, list[Any]]:
    """Return the changes made to the protein, by kind."""
    places = {r.label.split(maxsplit=1)[1] for chain in protein.chains for r in chain}
    return {
        "alternate_locations": list(protein.alternates),
        "read_under_another_name": list(protein.renamed),
        "heavy_atoms_built": list(whole.built),
        "side_chains_flipped": list(whole.flipped),
        "disulfides": [list(pair) for pair in whole.bridges],
        "protonation": list(whole.states),
        "pka_near_the_ph": list(whole.uncertain),
        "unresolved_at_the_ends": [m for m in protein.missing if m[4:] not in places],
    }
