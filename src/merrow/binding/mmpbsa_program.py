# SPDX-License-Identifier: MIT
"""Interface to AmberTools' MMPBSA: topologies, the run, and its tables.

`use_sander=1` is always set, since the AmberTools wheel lacks mmpbsa_py_energy. The per-frame table
of `-eo` is read, so no digits are lost.
"""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray
from parmed.amber import LoadParm
from parmed.tools import changeRadii

from merrow.amber.sections import readable
from merrow.ambertools.masks import number_list
from merrow.ambertools.programs import failure, find_program, run_program
from merrow.errors import InputError, MerrowError

Array = NDArray[np.float64]
Method = Literal["gb", "pb"]
Terms = dict[str, Array]
"""Energy terms [kcal/mol] of each frame of one species."""
Energies = dict[str, Terms]
"""The same by species (complex, receptor, ligand, delta)."""

RADII: Final = {1: "mbondi", 2: "mbondi2", 5: "mbondi2", 7: "bondi", 8: "mbondi3"}
"""The radii for which each generalised Born model was developed."""
TABLES: Final = {"Complex": "complex", "Receptor": "receptor", "Ligand": "ligand", "DELTA": "delta"}
RENAME: Final = {"DELTA G gas": "G gas", "DELTA G solv": "G solv", "DELTA TOTAL": "TOTAL"}
MASK_COLUMNS: Final = 6
NAMES: Final = ("MMPBSA", "MMPBSA.py")
"""Name of the program in the wheel, and in conda's and Amber's own AmberTools."""


@dataclass(frozen=True)
class Settings:
    """Settings of the solvent model.

    Attributes:
        igb: Generalised Born model: 1, 2, 5, 7 or 8.
        salt: Ionic strength [mol/l].
        surface_tension: Surface tension of the nonpolar GB term [kcal/mol/Å²]; 0 omits it.
        decompose: Whether GB energies are decomposed by residue.
    """

    igb: int = 5
    salt: float = 0.15
    surface_tension: float = 0.0072
    decompose: bool = False


def solvent_settings(
    methods: Sequence[Method],
    igb: int,
    salt: float,
    surface_tension: float | None,
    *,
    decompose: bool,
) -> Settings:
    """Return the settings of the solvent model as they were asked for.

    Args:
        methods: "gb", "pb" or both.
        igb, salt, surface_tension, decompose: As in `Settings`; None for its surface tension.

    Raises:
        InputError: A setting of GB is given, and the methods are without it.
    """
    given = {"--surface-tension": surface_tension is not None, "--decompose": decompose}
    for name, is_given in given.items():
        if is_given and "gb" not in methods:
            raise InputError(f"{name} belongs to GB and has no effect on pb alone; leave it out.")
    tension = Settings.surface_tension if surface_tension is None else surface_tension
    return Settings(igb, salt, tension, decompose)


@dataclass(frozen=True)
class Topologies:
    """Dry prmtop files of the three species, and the residues of ligand and receptor there.

    Attributes:
        complex, receptor, ligand: The files.
        ligand_mask, receptor_mask: Masks of their residues in the complex.
        residues: Name of each residue of the complex, and its number in the whole prmtop.
    """

    complex: Path
    receptor: Path
    ligand: Path
    ligand_mask: str
    receptor_mask: str
    residues: tuple[tuple[str, int], ...]


def split_topology(
    prmtop: Path, dry: Sequence[int], ligand: Sequence[int], *, igb: int, folder: Path
) -> Topologies:
    """Write prmtop files of complex, receptor and ligand with the radii of a GB model.

    Args:
        prmtop: Topology of the trajectory.
        dry: Atoms that are neither water nor ions.
        ligand: Atoms of the ligand, whole residues.
        igb: Generalised Born model.
        folder: Folder for complex.prmtop, receptor.prmtop and ligand.prmtop.

    Raises:
        InputError: The GB model is unknown, or the ligand is the whole system, splits a residue, or
            is bonded to the receptor.
    """
    if igb not in RADII:
        raise InputError(f"igb {igb} is not known; use one of {', '.join(map(str, RADII))}.")
    kept, own = set(dry), set(ligand)
    whole = _loaded(prmtop)
    _refuse_parts(whole, own, kept, prmtop)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for name, atoms in (("complex", kept), ("receptor", kept - own), ("ligand", own)):
        part = _loaded(prmtop)
        part.strip([int(atom.idx not in atoms) for atom in part.atoms])
        part.box = None
        changeRadii(part, RADII[igb]).execute()
        paths[name] = folder / f"{name}.prmtop"
        paths[name].unlink(missing_ok=True)
        part.write_parm(str(paths[name]))
        if name == "complex":
            residues = sorted({whole.atoms[i].residue.idx for i in sorted(kept)})
    of_ligand = {whole.atoms[i].residue.idx for i in own}
    numbers = [k for k, r in enumerate(residues, 1) if r in of_ligand]
    others = [k for k, r in enumerate(residues, 1) if r not in of_ligand]
    return Topologies(
        **paths,
        ligand_mask=f":{number_list(numbers)}",
        receptor_mask=f":{number_list(others)}",
        residues=tuple((whole.residues[r].name, r + 1) for r in residues),
    )


def _loaded(prmtop: Path) -> Any:
    """Return ParmEd's topology of a prmtop, CHARMM's terms included."""
    with readable(prmtop) as plain:
        return LoadParm(str(plain))


def run_mmpbsa(
    method: Method,
    topologies: Topologies,
    trajectory: Path,
    settings: Settings,
    *,
    folder: Path,
    every_term: bool = False,
    tell: Callable[[int], None] = lambda _: None,
) -> Energies:
    """Run MMPBSA on every frame of a dry trajectory; one trajectory serves all species.

    Args:
        method: "gb" or "pb".
        topologies: Files of `split_topology`.
        trajectory: Frames of the complex.
        settings: Settings of the solvent model.
        folder: Folder for input, logs and tables.
        every_term: Whether terms that cancel in one trajectory are also printed.
        tell: Called from time to time with the number of finished frames of all three species.

    Raises:
        MissingComponentError: There is no MMPBSA.
        MerrowError: It failed; the message has the tail of its log.
    """
    masks = (
        f"receptor_mask='{topologies.receptor_mask}', ligand_mask='{topologies.ligand_mask}', "
        f"verbose={2 if every_term else 1},"
    )
    files = {
        "-cp": topologies.complex,
        "-rp": topologies.receptor,
        "-lp": topologies.ligand,
        "-y": trajectory,
    }
    decompose = settings.decompose and method == "gb"
    text = input_text(method, settings, masks, decompose=decompose)
    return _run(text, files, folder, lambda: tell(frames_done(folder)))


def frames_done(folder: Path) -> int:
    """Return the number of frames that sander has finished, of all species."""
    outputs = folder.glob("_MMPBSA_*.mdout.*")
    return sum(path.read_text(errors="replace").count("BOND    =") for path in outputs)


def run_alone(
    method: Method, prmtop: Path, trajectory: Path, settings: Settings, *, folder: Path
) -> Terms:
    """Run MMPBSA on every frame of a single species, and return every term.

    Args:
        method: "gb" or "pb".
        prmtop: Dry topology with radii.
        trajectory: Frames of the species.
        settings: Settings of the solvent model; nothing is decomposed by residue.
        folder: Folder for input, logs and tables.

    Raises:
        MissingComponentError: There is no MMPBSA.
        MerrowError: It failed; the message has the tail of its log.
    """
    files = {"-cp": prmtop, "-y": trajectory}
    return _run(input_text(method, settings), files, folder)["complex"]


def installed_name() -> str:
    """Return the name under which MMPBSA is installed.

    Raises:
        MissingComponentError: There is no MMPBSA.
    """
    return find_program(*NAMES).name


def _run(
    text: str,
    files: dict[str, Path],
    folder: Path,
    meanwhile: Callable[[], None] = lambda: None,
) -> Energies:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mmpbsa.in").write_text(text)
    arguments = ["-O", "-i", "mmpbsa.in", "-o", "final.dat", "-eo", "frames.csv"]
    if "&decomp" in text:
        arguments += ["-do", "residues.csv"]
    for flag, path in files.items():
        # not the whole path: MMPBSA writes it into scripts that break at a space
        arguments += [flag, os.path.relpath(path.resolve(), folder.resolve())]
    beside = Path(sys.executable).parent  # MMPBSA uses the first python3 on PATH
    run_program(
        installed_name(),
        arguments,
        folder=folder,
        log="mmpbsa.log",
        path_first=beside,
        meanwhile=meanwhile,
    )
    if not (folder / "frames.csv").is_file():
        raise failure("MMPBSA", folder / "mmpbsa.log", "ended with exit code 0")
    return read_frames_table(folder / "frames.csv", alone="-rp" not in files)


def input_text(
    method: Method, settings: Settings, general: str = "", *, decompose: bool = False
) -> str:
    """Return the input file of MMPBSA, one namelist per paragraph as it requires.

    Args:
        method: "gb" or "pb".
        settings: Settings of the solvent model.
        general: Additional keys of &general.
        decompose: Whether GB energies are decomposed by residue.
    """
    # without netcdf=1, MMPBSA would round coordinates to three decimals
    blocks = {"general": f"use_sander=1, keep_files=0, netcdf=1, {general}".rstrip()}
    if method == "gb":
        blocks["gb"] = (
            f"igb={settings.igb}, saltcon={settings.salt:g}, surften={settings.surface_tension:g},"
        )
        if decompose:
            blocks["decomp"] = "idecomp=1, dec_verbose=0, csv_format=1,"
    else:
        blocks["pb"] = f"istrng={settings.salt:g}, inp=2, radiopt=0,"
    return "".join(f"&{name}\n {text}\n/\n" for name, text in blocks.items())


def read_frames_table(path: Path, *, alone: bool = False) -> Energies:
    """Read the table that MMPBSA writes with -eo.

    Args:
        path: The file.
        alone: Whether it is of a single species, which is then called complex.

    Raises:
        MerrowError: A species is missing, or a number is not finite.
    """
    found: Energies = {}
    names: list[str] = []
    rows: dict[str, list[list[float]]] = {}
    species = "complex" if alone else ""
    for row in csv.reader(path.read_text().splitlines()):
        if len(row) == 1 and row[0].endswith("Energy Terms"):
            species = TABLES.get(row[0].split()[0], "")
        elif row and row[0] == "Frame #":
            names = [RENAME.get(name, name) for name in row[1:]]
            found[species] = dict.fromkeys(names, np.empty(0))
            rows[species] = []
        elif len(row) > 1 and species in rows:
            try:
                rows[species].append([float(value) for value in row[1:]])
            except ValueError:
                raise MerrowError(
                    f"MMPBSA wrote {','.join(row)[:80]} in {path}: a term overflowed in this frame."
                ) from None
    if set(found) != ({"complex"} if alone else set(TABLES.values())):
        raise MerrowError(f"{path} lacks the table of a species: see mmpbsa.log beside it.")
    for species, terms in found.items():
        table = np.array(rows[species], dtype=np.float64)
        if not np.isfinite(table).all():
            raise MerrowError(f"MMPBSA wrote an energy that is not finite in {path}.")
        for k, name in enumerate(terms):
            terms[name] = table[:, k]
    return found


def read_residue_table(
    path: Path, residues: Sequence[tuple[str, int]]
) -> dict[str, tuple[float, float]]:
    """Read the contribution of each residue to the binding energy from MMPBSA's -do table.

    Mean [kcal/mol], and its standard error [kcal/mol] for independent frames, by names such as
    "GST 3" with the number in the whole prmtop: MMPBSA counts without water and ions.

    Args:
        path: The table.
        residues: Name of each residue of the complex, and its number in the whole prmtop.

    Raises:
        MerrowError: The table of differences is missing.
    """
    names = {f"{name:>3}{k:4d}".strip(): f"{name} {n}" for k, (name, n) in enumerate(residues, 1)}
    found: dict[str, tuple[float, float]] = {}
    inside = False
    for row in csv.reader(path.read_text().splitlines()):
        if row and row[0].startswith("DELTAS"):
            inside = True
        elif inside and len(row) > MASK_COLUMNS and row[0].strip() not in ("", "Residue"):
            name = names.get(row[0].strip(), " ".join(row[0].split()))
            found.setdefault(name, (float(row[-3]), float(row[-1])))
    if not found:
        raise MerrowError(f"{path} has no table of differences by residue.")
    return found


def _refuse_parts(whole: Any, ligand: set[int], dry: set[int], prmtop: Path) -> None:
    if not ligand or not ligand < dry:
        raise InputError(
            f"the ligand mask selects {len(ligand)} of the {len(dry)} atoms of {prmtop.name} that "
            "are neither water nor ions: it must leave a receptor."
        )
    for i in sorted(ligand):
        for atom in whole.atoms[i].residue.atoms:
            if atom.idx not in ligand:
                raise InputError(
                    f"the ligand mask cuts the residue {atom.residue.name} {atom.residue.idx + 1} "
                    f"of {prmtop.name}: it must take whole residues."
                )
    for bond in whole.bonds:
        ends = bond.atom1, bond.atom2
        if len({atom.idx in ligand for atom in ends}) == 2:
            names = "–".join(f":{atom.residue.idx + 1}@{atom.name}" for atom in ends)
            raise InputError(
                f"the ligand mask cuts the bond {names} of {prmtop.name}, whose energy would count "
                "as binding: it must take whole molecules."
            )
