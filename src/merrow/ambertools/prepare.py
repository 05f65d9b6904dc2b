# SPDX-License-Identifier: MIT
"""Parametrisation of a molecule by antechamber, parmchk2 and tleap.

All files written by the programs are kept in the folder; earlier results for the same input are
taken from a cache, by the hash of the input.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from parmed.amber import AmberAsciiRestart, AmberFormat
from rdkit import Chem

from merrow.ambertools.file_charges import doubt
from merrow.ambertools.molecule import InputMolecule
from merrow.ambertools.programs import data_digest, failure, run_program, version
from merrow.ambertools.solvent import n_waters_for, solvate
from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError
from merrow.files import user_cache

__all__ = [
    "Charges",
    "GasFiles",
    "check_choice",
    "is_known",
    "n_waters_for",
    "parametrize",
    "solvate",
]

Charges = Literal["bcc", "abcg2", "file"]

RESIDUE: Final = "LIG"
"""Residue name of a parametrised molecule."""

GAFF_ELEMENTS: Final = frozenset({1, 6, 7, 8, 9, 15, 16, 17, 35, 53})
"""H, C, N, O, F, P, S, Cl, Br and I; for others antechamber's types have no parameters."""

PRODUCTS: Final = ("gas.prmtop", "gas.inpcrd", "ligand.mol2", "ligand.frcmod")

BROKEN: Final = 1.3
"""Bond length relative to the sum of the covalent radii above which it is broken."""

PARMCHK_RUNS: Final = 40
"""Maximum number of runs of parmchk2 while it reports an unknown atom type."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class GasFiles:
    """The gas-phase AMBER files of one molecule.

    Attributes:
        prmtop: Topology and parameters.
        inpcrd: Coordinates, in the order of the input.
        mol2: Atom types and charges.
        frcmod: Parameters missing in GAFF.
        charge_shift: Total charge added to reach the formal charge [e].
    """

    prmtop: Path
    inpcrd: Path
    mol2: Path
    frcmod: Path
    charge_shift: float


def parametrize(
    molecule: InputMolecule,
    *,
    charges: Charges = "bcc",
    gaff: Literal[1, 2] = 2,
    folder: Path,
    cache: Path | None = None,
) -> GasFiles:
    """Parametrise a molecule with GAFF; the order of its atoms is kept.

    Args:
        molecule: The molecule with one conformer, from which AM1 starts.
        charges: "bcc" (AM1-BCC), "abcg2" (its variant made for GAFF2), or "file" (those of the
            molecule's mol2 file).
        gaff: GAFF version.
        folder: Folder for all files; made if absent.
        cache: Cache folder of earlier results; None for the user's cache.

    Raises:
        InputError: The charge model does not fit the molecule or the force field, or the user has
            no home folder for the cache.
        UnsupportedPhysicsError: GAFF has no parameters for the molecule.
        MissingComponentError: AmberTools is not installed.
        MerrowError: A program of AmberTools failed; the message includes the end of its log.
    """
    check_choice(molecule, charges, gaff)
    shelf = _shelf(molecule, charges, gaff, cache)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (*PRODUCTS, "antechamber.mol2"):
        (folder / name).unlink(missing_ok=True)
    (folder / "input.sdf").write_text(Chem.MolToMolBlock(molecule.mol) + "$$$$\n")
    if _taken(shelf, folder):
        logger.info("parameters of %s taken from the cache %s.", molecule.smiles, shelf)
    else:
        _run_ambertools(molecule, charges, gaff, folder)
        _check_result(molecule, folder)
        _store(folder, shelf)
    if charges in ("bcc", "abcg2"):
        _refuse_rearranged(molecule, folder / "sqm.out")
    shift = float(json.loads((folder / "charges.json").read_text())["charge_shift_e"])
    logger.info(
        "charges (%s) of %s shifted by %+.6f e in all to add up to its formal charge %+d.",
        charges, molecule.smiles, shift, molecule.charge,
    )  # fmt: skip
    prmtop, inpcrd, mol2, frcmod = (folder / name for name in PRODUCTS)
    return GasFiles(prmtop, inpcrd, mol2, frcmod, charge_shift=shift)


def is_known(molecule: InputMolecule, *, charges: Charges, gaff: Literal[1, 2] = 2) -> bool:
    """Tell whether the parameters of a molecule are in the user's cache."""
    return _is_whole(_shelf(molecule, charges, gaff, None))


def check_choice(molecule: InputMolecule, charges: Charges, gaff: int) -> None:
    """Check that charge model and molecule can be parametrised.

    Raises:
        InputError: The charge model does not fit the molecule or the force field.
        UnsupportedPhysicsError: GAFF has no parameters for an element.
    """
    if charges not in ("bcc", "abcg2", "file"):
        raise InputError(f"charges {charges!r} is unknown: expected bcc, abcg2 or file.")
    if gaff not in (1, 2):
        raise InputError(f"gaff {gaff!r} is unknown: expected 1 or 2.")
    if charges == "abcg2" and gaff != 2:
        raise InputError("charges abcg2 were made for GAFF2: take gaff 2, or charges bcc.")
    if charges == "file" and molecule.charges is None:
        raise InputError(
            f"charges file needs a mol2 file with charges, but {molecule.name} has none: "
            "give such a file, or take charges bcc."
        )
    if charges == "file" and (doubts := doubt(molecule)):
        _say_once(doubts)
    for atom in molecule.mol.GetAtoms():
        if atom.GetAtomicNum() not in GAFF_ELEMENTS:
            raise UnsupportedPhysicsError(
                f"GAFF has no parameters for atom {atom.GetIdx() + 1} ({atom.GetSymbol()}) of "
                f"{molecule.smiles}: prepare a prmtop with parameters of your own."
            )


@functools.cache  # a run reads its molecule several times
def _say_once(doubts: str) -> None:
    logger.warning("%s (--charges abcg2 or bcc makes such).", doubts)


def _run_ambertools(molecule: InputMolecule, charges: Charges, gaff: int, folder: Path) -> None:
    """Run antechamber, parmchk2 and tleap, with the charges normalised in between."""
    types = "gaff2" if gaff == 2 else "gaff"
    if charges == "file" and molecule.charges is not None:
        np.savetxt(folder / "given.charges", molecule.charges, fmt="%.8f")
        model = ["-c", "rc", "-cf", "given.charges"]
    else:
        model = ["-c", charges]
    arguments = ["-i", "input.sdf", "-fi", "sdf", "-o", "antechamber.mol2", "-fo", "mol2", *model]
    arguments += ["-nc", str(molecule.charge), "-m", "1", "-at", types, "-rn", RESIDUE]
    arguments += ["-pf", "n", "-dr", "no"]
    run_program("antechamber", arguments, folder=folder, log="antechamber.log")
    if not (folder / "antechamber.mol2").is_file():
        raise failure("antechamber", folder / "antechamber.log", "wrote no mol2 file")
    text = (folder / "antechamber.mol2").read_text()
    text, shift = _normalize(text, molecule.charge)
    (folder / "ligand.mol2").write_text(text)
    (folder / "charges.json").write_text(
        json.dumps({"model": charges, "charge_shift_e": shift, "ambertools": version()}) + "\n"
    )
    _write_frcmod(molecule, types, folder)
    (folder / "gas.leap").write_text(
        f"source leaprc.{types}\n{RESIDUE} = loadmol2 ligand.mol2\n"
        f"loadamberparams ligand.frcmod\nsaveamberparm {RESIDUE} gas.prmtop gas.inpcrd\nquit\n"
    )
    out = run_program("tleap", ["-s", "-f", "gas.leap"], folder=folder, log="gas.leap.log")
    if "Errors = 0" not in out or not (folder / "gas.prmtop").is_file():
        raise failure("tleap", folder / "gas.leap.log", "reported errors")


def _normalize(mol2: str, formal_charge: int) -> tuple[str, float]:
    """Shift all charges of a mol2 text equally until they add up to the formal charge.

    Returns:
        The new text, and the total shift [e].

    Raises:
        InputError: The charges are off by more than 0.01 e, beyond rounding.
    """
    head, rest = mol2.split("@<TRIPOS>ATOM\n", 1)
    atoms, tail = rest.split("@<TRIPOS>BOND", 1)
    rows = [line.rsplit(maxsplit=1) for line in atoms.splitlines() if line.strip()]
    values = np.array([float(charge) for _, charge in rows])
    shift = round(formal_charge - float(values.sum()), 9) + 0.0  # no −0 and no round-off
    if abs(shift) > 0.01:
        raise InputError(
            f"the partial charges add up to {values.sum():.4f} e, but the formal charge is "
            f"{formal_charge:+d}: correct the charges or the structure."
        )
    values += shift / len(values)
    lines = [f"{left} {value:12.8f}" for (left, _), value in zip(rows, values, strict=True)]
    return f"{head}@<TRIPOS>ATOM\n" + "\n".join(lines) + f"\n@<TRIPOS>BOND{tail}", shift


def _write_frcmod(molecule: InputMolecule, types: str, folder: Path) -> None:
    """Write the parameters missing in GAFF, and none for its own types.

    parmchk2 of AmberTools 26 reads uninitialised memory: in one of two or three runs it treats
    GAFF2's own n9 (ammonia) as unknown and writes n3 in its place, with a mass.

    Raises:
        MerrowError: parmchk2 fails in this way in every run.
    """
    frcmod = folder / "ligand.frcmod"
    arguments = ["-i", "ligand.mol2", "-f", "mol2", "-o", frcmod.name, "-s", types]
    for _ in range(PARMCHK_RUNS):
        run_program("parmchk2", arguments, folder=folder, log="parmchk2.log")
        _refuse_missing_parameters(molecule, frcmod)
        unknown = frcmod.read_text().partition("MASS\n")[2].partition("BOND")[0].split()
        if not unknown:
            return
    raise MerrowError(
        f"parmchk2 does not know the atom type {unknown[0]} of its own {types}: use another "
        "version of AmberTools, or a prmtop with parameters of your own."
    )


def _refuse_rearranged(molecule: InputMolecule, log: Path) -> None:
    """Refuse charges of a structure whose bonds broke in the gas-phase AM1 minimisation.

    A zwitterion may transfer a proton, and would silently get the charges of its neutral form.

    Raises:
        UnsupportedPhysicsError: A bond is longer than `BROKEN` times the sum of the radii.
    """
    final = log.read_text().rpartition("Final Structure")[2] if log.is_file() else ""
    rows = re.findall(r"^ *QMMM: +\d+ +\d+ +[A-Za-z]+((?: +-?\d+\.\d+){3})", final, flags=re.M)
    if len(rows) != len(molecule.numbers):
        return  # a monatomic ion, or a log of another version
    places = np.array([row.split() for row in rows], dtype=np.float64)
    radius = Chem.GetPeriodicTable().GetRcovalent
    for bond in molecule.mol.GetBonds():
        ends = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        length = float(np.linalg.norm(places[ends[0]] - places[ends[1]]))
        if length > BROKEN * sum(radius(molecule.numbers[i]) for i in ends):
            one, two = (f"{molecule.mol.GetAtomWithIdx(i).GetSymbol()}{i + 1}" for i in ends)
            raise UnsupportedPhysicsError(
                f"AM1 breaks the bond {one}-{two} of {molecule.smiles} in gas ({length:.2f} Å), as "
                "where a proton moves in a zwitterion, so that its charges would be those of "
                "another molecule: give a mol2 file with charges of your own, and --charges file."
            )


def _refuse_missing_parameters(molecule: InputMolecule, frcmod: Path) -> None:
    """Refuse parameters for which parmchk2 found no analogue and wrote zeros."""
    missing = re.findall(r"^(.*?)\s{2,}.*ATTN, need revision", frcmod.read_text(), flags=re.M)
    if missing:
        raise UnsupportedPhysicsError(
            f"GAFF has no parameters for {', '.join(missing)} of {molecule.smiles}: "
            "prepare a prmtop with parameters of your own."
        )


def _check_result(molecule: InputMolecule, folder: Path) -> None:
    """Check that the files have the input's atoms, bonds, order, positions and charge."""
    sections = AmberFormat(str(folder / "gas.prmtop")).parm_data
    flat: Sequence[int] = sections["BONDS_INC_HYDROGEN"] + sections["BONDS_WITHOUT_HYDROGEN"]
    bonds = {(min(i, j) // 3, max(i, j) // 3) for i, j in zip(flat[::3], flat[1::3], strict=True)}
    expected = {
        (min(pair), max(pair))
        for pair in ((b.GetBeginAtomIdx(), b.GetEndAtomIdx()) for b in molecule.mol.GetBonds())
    }
    made = np.array(AmberAsciiRestart(str(folder / "gas.inpcrd"), "r").coordinates[0])
    if (
        tuple(sections["ATOMIC_NUMBER"]) != molecule.numbers
        or bonds != expected
        or np.abs(made - molecule.positions).max() > 2e-3  # intermediate files have three decimals
    ):
        raise MerrowError(
            f"AmberTools changed the atoms of {molecule.smiles} or their order; "
            f"compare input.sdf and ligand.mol2 in {folder}."
        )
    if abs(sum(sections["CHARGE"]) - molecule.charge) > 1e-5:
        raise MerrowError(
            f"the charges in {folder / 'gas.prmtop'} do not add up: please report it."
        )


def _fingerprint(molecule: InputMolecule, charges: Charges, gaff: int) -> str:
    """Return the hash of everything that the files depend on."""
    given = None if charges != "file" or molecule.charges is None else molecule.charges.tolist()
    block = Chem.MolToMolBlock(molecule.mol).split("\n", 3)[3]  # without name and program
    made_with = version(), data_digest()
    content = [block, molecule.charge, charges, gaff, given, RESIDUE, *made_with]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def _shelf(molecule: InputMolecule, charges: Charges, gaff: int, cache: Path | None) -> Path:
    return (cache or user_cache() / "merrow" / "parameters") / _fingerprint(molecule, charges, gaff)


def _is_whole(shelf: Path) -> bool:
    try:
        return all((shelf / name).is_file() for name in (*PRODUCTS, "charges.json"))
    except OSError:  # it may belong to somebody else
        return False


def _taken(shelf: Path, folder: Path) -> bool:
    """Copy an entry of the cache into a folder; tell whether there is one that can be read."""
    if not _is_whole(shelf):
        return False
    try:
        found = {path.name: path.read_bytes() for path in shelf.iterdir()}
    except OSError:
        return False
    for name, content in found.items():
        (folder / name).write_bytes(content)
    return True


def _store(folder: Path, shelf: Path) -> None:
    """Store the finished files in the cache atomically; a failure only gives a warning."""
    try:
        shelf.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shelf.parent, prefix=".draft-") as private:
            draft = Path(private) / shelf.name
            draft.mkdir()  # with the user's usual permissions, which others may need
            for name in (*PRODUCTS, "charges.json", "sqm.in", "sqm.out", "gas.leap"):
                if (folder / name).is_file():
                    shutil.copyfile(folder / name, draft / name)
            for log in folder.glob("*.log"):
                shutil.copyfile(log, draft / log.name)
            draft.rename(shelf)
    except OSError as error:
        if not os.path.isdir(shelf):  # unlike Path's, it never fails
            logger.warning("parameters could not be put into the cache %s (%s).", shelf, error)
