# SPDX-License-Identifier: MIT
"""Makes the small AMBER systems in `tests/data/systems`, with our own preparation of molecules.

    python tests/data/make_systems.py

needs AmberTools (the extra `amber`) and takes minutes. The files are checked in, because charges
of AM1-BCC may differ in the last digit from one machine to another.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import openmm as mm
import parmed
from openmm import app, unit
from rdkit import Chem

from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.prepare import parametrize
from merrow.ambertools.programs import run_program

SYSTEMS = Path(__file__).resolve().parent / "systems"

MOLECULES = {
    "methane": "C",
    "methanol": "CO",
    "ethanol": "CCO",
    "acetone": "CC(=O)C",
    "butane": "CCCC",
    "dimethoxymethane": "COCOC",
    "toluene": "Cc1ccccc1",
    "pyridine": "c1ccncc1",
    "methylacetamide": "CC(=O)NC",
    "trifluoropropanol": "C[C@H](C(F)(F)F)O",
    "chloropentane": "CCCCCCl",
    "fluorobenzene": "c1ccc(cc1)F",
    "ethoxyethyl_acetate": "CCOCCOC(=O)C",
    "benzene": "c1ccccc1",
    "tetrahydrofuran": "C1CCOC1",
    "phenol": "c1ccc(cc1)O",
}
"""SMILES of the molecules in the gas phase: GAFF2 with AM1-BCC charges."""


def small_molecule(name: str, smiles: str, folder: Path) -> None:
    """Write prmtop, inpcrd, mol2 and SDF of a molecule in the gas phase."""
    made = parametrize(read_molecule(smiles), folder=folder, cache=folder / "cache")
    for path in (made.prmtop, made.inpcrd, made.mol2):
        shutil.copyfile(path, SYSTEMS / f"{name}{path.suffix}")
    shutil.copyfile(folder / "input.sdf", SYSTEMS / f"{name}.sdf")


def dipeptide(folder: Path) -> None:
    """Write prmtop and inpcrd of alanine dipeptide (ff14SB) in the gas phase."""
    (folder / "leap.in").write_text(
        "source leaprc.protein.ff14SB\n"
        "x = sequence { ACE ALA NME }\n"
        "saveamberparm x dipeptide.prmtop dipeptide.inpcrd\nquit\n"
    )
    run_program("tleap", ["-f", "leap.in"], folder=folder, log="leap.out")
    for suffix in (".prmtop", ".inpcrd"):
        shutil.copyfile(folder / f"dipeptide{suffix}", SYSTEMS / f"dipeptide{suffix}")


def host_and_guest(folder: Path) -> None:
    """Write an ester (residue HST) with an ether beside it (GST), and the ether alone.

    They need the files of both molecules.
    """
    parts = []
    for name in ("ethoxyethyl_acetate", "dimethoxymethane"):
        part = parmed.load_file(str(SYSTEMS / f"{name}.prmtop"), str(SYSTEMS / f"{name}.inpcrd"))
        parts.append(part)
    host, guest = parts
    heavy = np.array([atom.atomic_number > 1 for atom in guest.atoms])
    guest.coordinates = placed(guest.coordinates, heavy, host.coordinates, nearest=2.6)
    for name, made, residues in (
        ("complex", host + guest, ("HST", "GST")),
        ("guest", guest, ("GST",)),
    ):
        for residue, label in zip(made.residues, residues, strict=True):
            residue.name = label
        made.remake_parm()
        made.save(str(SYSTEMS / f"{name}.prmtop"), overwrite=True)
        made.save(str(SYSTEMS / f"{name}.inpcrd"), format="rst7", overwrite=True)


def placed(x: np.ndarray, heavy: np.ndarray, around: np.ndarray, *, nearest: float) -> np.ndarray:
    """Return a molecule turned and moved to where it touches other atoms most.

    Args:
        x: Its positions [Å], shape (n, 3).
        heavy: Which of its atoms are heavy, shape (n,).
        around: Positions of the other atoms [Å], shape (m, 3).
        nearest: Shortest distance that is allowed [Å].
    """
    rng = np.random.default_rng(5)
    x = x - x.mean(axis=0)
    best, found = -1, x
    for _ in range(20_000):
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        way = rng.normal(size=3)
        middle = around[rng.integers(len(around))]
        moved = x @ turn + middle + way / np.linalg.norm(way) * rng.uniform(3.0, 7.0)
        distance = np.linalg.norm(moved[:, None] - around[None], axis=-1)
        touching = int((distance[heavy] < 4.5).sum())
        if distance.min() > nearest and touching > best:
            best, found = touching, moved
    return np.round(found, 3)


HELIX = (
    *("NSER", "ALA", "LYS", "LEU", "ASN", "CYS", "ALA", "HIE", "ALA", "MET", "LEU", "GLU"),
    *("ALA", "LEU", "ALA", "LYS", "CGLY"),
)
FIRST, MISSING = 301, ("ASN A 318", "LEU A 319")
"""Number of the first residue in the PDB file, and residues that it says were not located."""


def helix(folder: Path) -> None:
    """Write a helix of 17 residues with toluene: files of a complex, a PDB file and a pose.

    The PDB file is as crystallographers write it: heavy atoms, a side chain in two places, waters,
    an ion, the ligand as TOL. The complex has the ligand first. It needs the files of toluene.
    """
    n = len(HELIX)
    (folder / "leap.in").write_text(
        "source leaprc.protein.ff14SB\n"
        f"x = sequence {{ {' '.join(HELIX)} }}\n"
        f'impose x {{ {{1 {n}}} }} {{ {{"N" "CA" "C" "N" -47.0}} {{"C" "N" "CA" "C" -57.8}} }}\n'
        "saveamberparm x helix.prmtop helix.inpcrd\nquit\n"
    )
    run_program("tleap", ["-f", "leap.in"], folder=folder, log="leap.out")
    peptide = parmed.load_file(str(folder / "helix.prmtop"), str(folder / "helix.inpcrd"))
    minimized(peptide)
    ligand = parmed.load_file(str(SYSTEMS / "toluene.prmtop"), str(SYSTEMS / "toluene.inpcrd"))
    heavy = np.array([atom.atomic_number > 1 for atom in ligand.atoms])
    ligand.coordinates = placed(ligand.coordinates, heavy, peptide.coordinates, nearest=2.4)
    made = ligand + peptide
    made.save(str(SYSTEMS / "helix_complex.prmtop"), overwrite=True)
    made.save(str(SYSTEMS / "helix_complex.inpcrd"), format="rst7", overwrite=True)
    mol = Chem.MolFromMolFile(str(SYSTEMS / "toluene.sdf"), removeHs=False)
    for i, position in enumerate(ligand.coordinates):
        mol.GetConformer().SetAtomPosition(i, position.tolist())
    (SYSTEMS / "helix_ligand.sdf").write_text(Chem.MolToMolBlock(mol) + "$$$$\n")
    (SYSTEMS / "helix.pdb").write_text("\n".join(crystal(peptide, ligand)) + "\n")


def minimized(peptide) -> None:
    """Relax a structure in implicit water, in place."""
    system = peptide.createSystem(implicitSolvent=app.OBC2)
    platform = mm.Platform.getPlatformByName("Reference")
    context = mm.Context(system, mm.VerletIntegrator(0.001), platform)
    context.setPositions(peptide.positions)
    mm.LocalEnergyMinimizer.minimize(context, maxIterations=300)
    place = context.getState(positions=True).getPositions(asNumpy=True)
    peptide.coordinates = np.round(place.value_in_unit(unit.angstrom), 3)


def crystal(peptide, ligand) -> list[str]:
    """Return the lines of the PDB file."""
    lines = ["HEADER    PEPTIDE OF THE TESTS", "REMARK 465"]
    lines += [f"REMARK 465     {label.replace(' A ', ' A   ')}" for label in MISSING]
    serial = 0

    def add(kind, name, residue, number, x, b, *, place=" ", occupancy=1.0, symbol="C"):
        nonlocal serial
        serial += 1
        shown = name if len(name) == 4 else f" {name:3s}"
        lines.append(
            f"{kind:6s}{serial:5d} {shown}{place}{residue:>3s} A{number:4d}    "
            f"{x[0]:8.3f}{x[1]:8.3f}{x[2]:8.3f}{occupancy:6.2f}{b:6.2f}          {symbol:>2s}"
        )

    for k, residue in enumerate(peptide.residues):
        name = {"HIE": "HIS"}.get(residue.name, residue.name)
        b = 8.0 + 4.0 * abs(k - 8) + 5.0 * (k % 3)
        for atom in residue.atoms:
            x = np.array([atom.xx, atom.xy, atom.xz])
            how = {"symbol": atom.element_name, "b": b}
            if atom.atomic_number == 1:
                continue
            if name == "CYS" and atom.name == "SG":
                add("ATOM", "SG", name, FIRST + k, x, place="A", occupancy=0.7, **how)
                add("ATOM", "SG", name, FIRST + k, x + 0.7, place="B", occupancy=0.3, **how)
            else:
                add("ATOM", atom.name, name, FIRST + k, x, **how)
    lines.append("TER")
    centre, reach = peptide.coordinates.mean(axis=0), np.array([0.0, 0.0, 25.0])
    for atom in ligand.atoms:
        if atom.atomic_number > 1:
            add("HETATM", atom.name, "TOL", 401, (atom.xx, atom.xy, atom.xz), 20.0)
    add("HETATM", "CL", "CL", 402, centre + reach, 30.0, symbol="CL")
    for k in range(4):
        place = centre + reach + [6.0 + 3.2 * k, 0.0, 0.0]
        add("HETATM", "O", "HOH", 501 + k, place, 30.0, symbol="O")
    return [*lines, "END"]


def main() -> None:
    """Make all systems, or those that are named."""
    makers = {name: partial(small_molecule, name, smiles) for name, smiles in MOLECULES.items()}
    makers |= {"dipeptide": dipeptide, "complex": host_and_guest, "helix": helix}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="which ones; default: all")
    SYSTEMS.mkdir(exist_ok=True)
    for name in parser.parse_args().names or makers:
        with tempfile.TemporaryDirectory() as folder:
            makers[name](Path(folder))
        print(name)


if __name__ == "__main__":
    main()
