# SPDX-License-Identifier: MIT
"""Does what a refusal of a molecule's file recommends help?

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from rdkit import Chem
from rdkit.Chem import AllChem
from test_mol2 import MOLECULES, write_mol2

from helped import helped
from merrow.amber.topology import read_topology
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.prepare import _normalize, _refuse_missing_parameters, check_choice

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
METHANOL = (SYSTEMS / "methanol.mol2").read_text()


def mol2(types=None, more=0.0, *, charged=True, bonds="", height=1.0, times=1.0):
    """Read methanol's mol2 with other types, charges or heights, or with more bonds."""
    head, rest = METHANOL.split("@<TRIPOS>ATOM\n")
    atoms, tail = rest.split("@<TRIPOS>BOND\n")
    rows = [line.split() for line in atoms.splitlines()]
    for row in rows:
        row[5] = (types or {}).get(row[5], row[5])
        row[4] = str(height * float(row[4]))
        row[8] = row[8] if charged else "0.0"
        row[8] = str(times * float(row[8]))
    rows[0][8] = str(float(rows[0][8]) + more)
    text = "\n".join(" ".join(row) for row in rows)
    tail = tail.replace("@<TRIPOS>SUB", f"{bonds}@<TRIPOS>SUB")
    path = Path("m.mol2")
    path.write_text(f"{head}@<TRIPOS>ATOM\n{text}\n@<TRIPOS>BOND\n{tail}")
    return read_molecule(path)


def two_records():
    """Read a mol2 file with the same molecule twice."""
    path = Path("two.mol2")
    path.write_text(2 * METHANOL)
    return read_molecule(path)


def ion(*, told):
    """Read a mol2 of an ion without charges, which says so or does not."""
    path = Path("i.mol2")
    write_mol2(MOLECULES["quaternary"], path, charged=False)
    if told:
        path.write_text(path.read_text().replace("USER_CHARGES", "NO_CHARGES"))
    return read_molecule(path)


def sdf(smiles="CO", *, records=1, bond="1", scale=1.0, lacking=0):
    """Read an SDF of a SMILES."""
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(mol, randomSeed=3)
    for k, x in enumerate(mol.GetConformer().GetPositions() * scale):
        mol.GetConformer().SetAtomPosition(k, x.tolist())
    mol = Chem.RWMol(mol)
    for _ in range(lacking):
        mol.RemoveAtom(mol.GetNumAtoms() - 1)
    lines = Chem.MolToMolBlock(mol).splitlines()
    lines = [f"  1  2{bond:>3}  0" if line.startswith("  1  2  1") else line for line in lines]
    Path("m.sdf").write_text(("\n".join(lines) + "\n$$$$\n") * records)
    return read_molecule(Path("m.sdf"))


def asked(molecule, model, gaff):
    """Return a way to ask for the parameters of a molecule."""
    return lambda: check_choice(
        read_molecule(molecule) if isinstance(molecule, str) else molecule(), model, gaff
    )


def normal(more):
    """Return a way to make charges whole that are off by some e."""
    head, rest = METHANOL.split("@<TRIPOS>ATOM\n")
    first, others = rest.split("\n", 1)
    *words, charge = first.split()
    text = f"{' '.join(words)} {float(charge) + more:.6f}"
    return lambda: _normalize(f"{head}@<TRIPOS>ATOM\n{text}\n{others}", 0)


def read_own():
    """Read a prmtop with parameters of another force field."""
    return read_topology(SYSTEMS / "dipeptide.prmtop")


def lacking():
    """Read what parmchk2 wrote of a molecule for which GAFF has no parameters."""
    path = Path("ligand.frcmod")
    path.write_text("BOND\nc3-oh  0.0  0.0   ATTN, need revision\n")
    _refuse_missing_parameters(read_molecule("CO"), path)


def read(text):
    """Return a way to read a SMILES."""
    return lambda: read_molecule(text)


ROWS = [
    (read("water"), "give the SMILES in quotation marks", read("O")),
    (read("aspirin"), "or an .sdf or .mol2 file", sdf),
    (lambda: sdf(records=2), "put the one you mean into a file of its own", sdf),
    (two_records, "put the molecule you mean into a file of its own", mol2),
    (lambda: sdf("CO.Cl"), "leave out counter-ions and solvent", sdf),
    (read("*O"), "replace it by a real atom", read("CO")),
    (lambda: sdf(bond="8"), "say which one it is", sdf),
    (lambda: sdf(scale=0.1), "is usual: give positions in Å", sdf),
    (lambda: sdf(scale=0.1), "or a SMILES", read("CO")),
    (lambda: sdf(lacking=1), "has other hydrogens: say which one it is", sdf),
    (
        lambda: sdf("CC", lacking=1),
        "has other hydrogens: say which one it is",
        lambda: sdf("CC"),
    ),
    (lambda: mol2(height=0.0), "drawing: give a 3D structure", mol2),
    (lambda: mol2(height=0.0), "or a SMILES or an SDF", sdf),
    (lambda: mol2(bonds="6 2 1 1\n"), "correct its section BOND", mol2),
    (lambda: mol2({"h1": "Qq"}), "convert the file", mol2),
    (lambda: mol2(times=18.2223), "give charges in e", mol2),
    (lambda: mol2(times=18.2223), "times 18.2223), or an SDF", sdf),
    (lambda: mol2(more=0.4), "correct them, or", mol2),
    (lambda: mol2(more=0.4), "or give an SDF, for which charges are made", sdf),
    (
        lambda: ion(told=False),
        "correct them (NO_CHARGES in the fourth line says that there are none)",
        lambda: ion(told=True),
    ),
    (lambda: ion(told=False), "), or give an SDF", lambda: sdf(MOLECULES["quaternary"])),
    (lambda: mol2(charged=False), "read its atom types: give an SDF", sdf),
    (lambda: mol2(more=3.0), "hydrogens and charges, or give an SDF", sdf),
    (asked("CO", "abcg2", 1), "take gaff 2", asked("CO", "abcg2", 2)),
    (asked("CO", "abcg2", 1), "or charges bcc", asked("CO", "bcc", 1)),
    (asked("CO", "file", 2), "give such a file", asked(mol2, "file", 2)),
    (asked("CO", "file", 2), "or take charges bcc", asked("CO", "bcc", 2)),
    (
        asked("C[Si](C)(C)C", "bcc", 2),
        "prepare a prmtop with parameters of your own",
        read_own,
    ),
    (lacking, "c3-oh of CO: prepare a prmtop with parameters of your own", read_own),
    (normal(0.3), "correct the charges or the structure", normal(0.0)),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
