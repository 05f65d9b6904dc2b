# SPDX-License-Identifier: MIT
"""AMBER files of a protein–ligand complex by tleap, dry and solvated.

All scripts, logs and intermediate structures are kept in the folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from parmed.amber import AmberAsciiRestart, AmberFormat

from merrow.amber.residues import PHOSPHORYLATED
from merrow.ambertools.prepare import RESIDUE, GasFiles
from merrow.ambertools.programs import failure, run_program
from merrow.binding.prepare.protonate import Protonated
from merrow.binding.prepare.residue import Residue
from merrow.binding.prepare.salt import choose_waters, ion_pdb, water_pdb
from merrow.errors import MerrowError

ProteinForceField = Literal["ff14SB", "ff19SB"]
WATER_MOLARITY: Final = 55.5
"""Concentration of water [mol/l]."""
SEED: Final = 20170712
"""Seed for the choice of waters to replace by ions, which soon diffuse anyway."""
RADII: Final = "mbondi2"
"""Radii of the generalised Born models igb 2 and 5, written into every prmtop."""


@dataclass(frozen=True)
class ComplexFiles:
    """Files of a complex; the dry ones have the atoms of the solvated one, in the same order.

    Attributes:
        complex, receptor, ligand: prmtop and inpcrd without water.
        solvated: prmtop and inpcrd in a box, or None if not requested.
        n_waters: Number of waters in the box, crystal waters included.
        n_sodium, n_chloride: Numbers of ions in the box.
        charge: Net charge of the dry complex [e].
    """

    complex: tuple[Path, Path]
    receptor: tuple[Path, Path]
    ligand: tuple[Path, Path]
    solvated: tuple[Path, Path] | None
    n_waters: int
    n_sodium: int
    n_chloride: int
    charge: int


def build_dry(
    protein: Protonated, ligand: GasFiles, *, force_field: ProteinForceField, folder: Path
) -> tuple[Path, Path]:
    """Write prmtop and inpcrd of receptor, ligand and complex; return those of the complex.

    Args:
        protein: The protein with hydrogens.
        ligand: The ligand's parameters, with the pose as coordinates.
        force_field: Force field of the protein.
        folder: Folder for complex, receptor and ligand .prmtop and .inpcrd.

    Raises:
        MissingComponentError: tleap is not installed.
        MerrowError: tleap failed or added atoms on its own.
    """
    for name, source in (("ligand.mol2", ligand.mol2), ("ligand.frcmod", ligand.frcmod)):
        (folder / name).write_bytes(source.read_bytes())
    if protein.pdb != folder / "protein.pdb":
        (folder / "protein.pdb").write_bytes(protein.pdb.read_bytes())
    lines = [
        *_sources(protein, force_field),
        "protein = loadpdb protein.pdb",
        *_bridges(protein, "protein"),
        f"complex = combine {{ protein {RESIDUE} }}",
        "saveamberparm protein receptor.prmtop receptor.inpcrd",
        f"saveamberparm {RESIDUE} ligand.prmtop ligand.inpcrd",
        "saveamberparm complex complex.prmtop complex.inpcrd",
        "savepdb complex complex.pdb",
    ]
    _tleap(lines, "dry", folder)
    _check_residues(protein, folder / "complex.prmtop")
    return folder / "complex.prmtop", folder / "complex.inpcrd"


def relax(
    protein: Protonated,
    ligand_near: Sequence[int],
    *,
    force_field: ProteinForceField,
    folder: Path,
) -> None:
    """Minimise the ligand and the residues around it in the dry complex; the rest is fixed.

    The new coordinates are written to the files of `build_dry`.

    Args:
        protein: The protein.
        ligand_near: Numbers, from 1, of the residues near the ligand that may move.
        force_field: Force field of the protein.
        folder: The folder of `build_dry`.

    Raises:
        MerrowError: sander or tleap failed.
    """
    moving = ",".join(str(i) for i in [*ligand_near, len(protein.names) + 1])
    (folder / "relax.in").write_text(
        "ligand and its neighbours\n"
        "&cntrl imin=1, maxcyc=2000, ncyc=1500, ntpr=100, ntb=0, igb=0, cut=9.0, dielc=4.0,\n"
        f" ibelly=1, bellymask=':{moving}', ntc=1, ntf=1, ntxo=1 /\n"
    )
    files = ["-p", "complex.prmtop", "-c", "complex.inpcrd", "-r", "relaxed.rst7"]
    arguments = ["-O", "-i", "relax.in", "-o", "relax.out", *files]
    run_program("sander", arguments, folder=folder, log="relax.log")
    if not (folder / "relaxed.rst7").is_file():
        raise failure("sander", folder / "relax.out", "wrote no coordinates")
    # ambpdb would rename the phosphate oxygens, so tleap would not recognise them
    (folder / "relaxed.cpptraj").write_text(
        "parm complex.prmtop\ntrajin relaxed.rst7\ntrajout complex.pdb pdb\nrun\nquit\n"
    )
    run_program("cpptraj", ["-i", "relaxed.cpptraj"], folder=folder, log="relaxed.cpptraj.log")
    lines = [
        *_sources(protein, force_field),
        "complex = loadpdb complex.pdb",
        *_bridges(protein, "complex"),
        "saveamberparm complex complex.prmtop complex.inpcrd",
    ]
    _tleap(lines, "relaxed", folder)
    _check_residues(protein, folder / "complex.prmtop")
    n = len(protein.names)
    _split(folder, "receptor", f":{n + 1}")
    _split(folder, "ligand", f":1-{n}")


def solvate_complex(
    protein: Protonated,
    waters: Sequence[Residue],
    *,
    force_field: ProteinForceField,
    folder: Path,
    buffer: float,
    ions: float,
) -> ComplexFiles:
    """Solvate the dry complex and its crystal waters in a TIP3P box with Na⁺ and Cl⁻.

    Args:
        protein: The protein.
        waters: Crystal waters to keep; tleap gives them hydrogens.
        force_field: Force field of the protein.
        folder: The folder of `build_dry`, also for solvated.prmtop and solvated.inpcrd.
        buffer: Minimum distance between solute and box face [Å].
        ions: Concentration of salt besides counter-ions [mol/l].

    Raises:
        InputError: There is no room for all ions.
        MerrowError: tleap failed.
    """
    if waters:
        places = np.array([water.positions()[:1] for water in waters])
        (folder / "waters.pdb").write_text(water_pdb(places))
    start = [
        *_sources(protein, force_field),
        "complex = loadpdb complex.pdb",
        *_bridges(protein, "complex"),
    ]
    solvated = (folder / "solvated.prmtop", folder / "solvated.inpcrd")
    save = f"saveamberparm all {solvated[0].name} {solvated[1].name}"
    lines = [
        *start,
        *(["waters = loadpdb waters.pdb"] if waters else []),
        f"all = combine {{ complex {'waters' if waters else ''} }}",
        f"solvatebox all TIP3PBOX {buffer:.2f}",
        save,
    ]
    _tleap(lines, "water", folder)
    charge = net_charge(folder / "complex.prmtop")
    pairs = round(ions / WATER_MOLARITY * _count(solvated[0], "WAT"))
    sodium, chloride = pairs + max(0, -charge), pairs + max(0, charge)
    if sodium or chloride:
        script = _replace_waters(folder, ["Na+"] * sodium + ["Cl-"] * chloride)
        _tleap([*start, *script, save], "ions", folder)
    if net_charge(solvated[0]) != 0:
        raise MerrowError(f"{solvated[0]} is not neutral: please report it.")
    dry, wet = (
        AmberFormat(str(path)).parm_data for path in (folder / "complex.prmtop", solvated[0])
    )
    if wet["ATOM_NAME"][: len(dry["ATOM_NAME"])] != dry["ATOM_NAME"]:
        raise MerrowError(f"{solvated[0]} does not begin with the atoms of the complex: report it.")
    return complex_files(folder, solvated, (sodium, chloride))


def complex_files(
    folder: Path, solvated: tuple[Path, Path] | None, ions: tuple[int, int] = (0, 0)
) -> ComplexFiles:
    """Return the files in the folder."""

    def pair(name: str) -> tuple[Path, Path]:
        return folder / f"{name}.prmtop", folder / f"{name}.inpcrd"

    return ComplexFiles(
        complex=pair("complex"),
        receptor=pair("receptor"),
        ligand=pair("ligand"),
        solvated=solvated,
        n_waters=_count(solvated[0], "WAT") if solvated else 0,
        n_sodium=ions[0],
        n_chloride=ions[1],
        charge=net_charge(folder / "complex.prmtop"),
    )


def net_charge(prmtop: Path) -> int:
    """Return the net charge of a prmtop [e].

    Raises:
        MerrowError: The charge is not an integer.
    """
    total = float(np.sum(AmberFormat(str(prmtop)).parm_data["CHARGE"]))
    if abs(total - round(total)) > 1e-3:
        raise MerrowError(f"the charges of {prmtop} add up to {total:.4f} e: please report it.")
    return round(total)


def _sources(protein: Protonated, force_field: ProteinForceField) -> list[str]:
    phospho = PHOSPHORYLATED & set(protein.names)
    return [
        f"source leaprc.protein.{force_field}",
        *([f"source leaprc.phosaa{force_field.removeprefix('ff')}"] if phospho else []),
        "source leaprc.gaff2",
        "source leaprc.water.tip3p",
        f"set default PBRadii {RADII}",
        "loadamberparams ligand.frcmod",
        f"{RESIDUE} = loadmol2 ligand.mol2",
    ]


def _bridges(protein: Protonated, unit: str) -> list[str]:
    return [f"bond {unit}.{i}.SG {unit}.{j}.SG" for i, j in protein.bridges]


def _tleap(lines: Sequence[str], name: str, folder: Path) -> None:
    """Run a script; raise for errors, and for heavy atoms that tleap had to add."""
    (folder / f"{name}.leap").write_text("\n".join([*lines, "quit", ""]))
    out = run_program("tleap", ["-s", "-f", f"{name}.leap"], folder=folder, log=f"{name}.log")
    if "Errors = 0" not in out:
        raise failure("tleap", folder / f"{name}.log", "reported errors")
    invented = re.findall(r"Added missing heavy atom: (\S+)", out)
    if invented:
        raise MerrowError(
            f"tleap had to add the heavy atom {invented[0]}: see {folder / name}.log and "
            "correct the protein."
        )


def _check_residues(protein: Protonated, prmtop: Path) -> None:
    """Check that the prmtop has the residues of the protein, in order, and then the ligand."""
    made = [str(name) for name in AmberFormat(str(prmtop)).parm_data["RESIDUE_LABEL"]]
    if made != [*protein.names, RESIDUE]:
        raise MerrowError(f"tleap changed the residues; compare {prmtop} with protein.pdb.")


def _split(folder: Path, name: str, strip: str) -> None:
    """Write the coordinates of a part of the complex with cpptraj."""
    (folder / f"{name}.cpptraj").write_text(
        f"parm complex.prmtop\ntrajin complex.inpcrd\nstrip {strip}\n"
        f"trajout {name}.inpcrd restart\nrun\nquit\n"
    )
    run_program("cpptraj", ["-i", f"{name}.cpptraj"], folder=folder, log=f"{name}.cpptraj.log")


def _count(prmtop: Path, residue: str) -> int:
    labels = AmberFormat(str(prmtop)).parm_data["RESIDUE_LABEL"]
    return sum(label == residue for label in labels)


def _replace_waters(folder: Path, ions: Sequence[str]) -> list[str]:
    """Write ions and the remaining waters; return the tleap lines that combine them."""
    positions = AmberAsciiRestart(str(folder / "solvated.inpcrd"), "r")
    place, box = np.array(positions.coordinates[0]), np.array(positions.box[:3])
    dry = np.array(AmberAsciiRestart(str(folder / "complex.inpcrd"), "r").coordinates[0])
    waters = place[len(dry) :].reshape(-1, 3, 3)
    rng = np.random.default_rng(SEED)
    taken = choose_waters(waters[:, 0], place[: len(dry)], box, len(ions), rng)
    (folder / "ions.pdb").write_text(ion_pdb(ions, waters[taken, 0]))
    (folder / "waters.pdb").write_text(water_pdb(np.delete(waters, taken, axis=0)))
    shift = " ".join(f"{x:.6f}" for x in (place[: len(dry)] - dry).mean(axis=0))
    edges = " ".join(f"{x:.7f}" for x in box)
    return [
        f"translate complex {{ {shift} }}",
        "ions = loadpdb ions.pdb",
        "waters = loadpdb waters.pdb",
        "all = combine { complex ions waters }",
        f"set all box {{ {edges} }}",
    ]
