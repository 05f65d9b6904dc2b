# SPDX-License-Identifier: MIT
"""Does what a refusal of a complex or of its trajectory recommends help?

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from helped import helped
from merrow.amber.mask import select_atoms
from merrow.amber.topology import read_topology
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.programs import run_program
from merrow.ambertools.solvent import solvate
from merrow.binding.analyze import AnalyzeRequest, _ligand
from merrow.binding.crystal import alpha_carbons, backbone, crystal_b
from merrow.binding.ensembles import distinct_names, entropy_temperature, refuse_ions
from merrow.binding.free_states import check_same, free_request
from merrow.binding.mmpbsa_program import solvent_settings, split_topology
from merrow.binding.prepare.complex import ComplexRequest, check_box
from merrow.binding.prepare.ligand_form import check_form
from merrow.binding.prepare.pose import check_pose, own_copies, read_ligand
from merrow.binding.prepare.protein import read_protein, refuse_unknown
from merrow.binding.prepare.protonate import _refuse_lost
from merrow.binding.prepare.salt import choose_waters
from merrow.binding.prepare.structure_file import read_structure
from merrow.trajectories import dry_atoms

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
HELIX, LIGAND = SYSTEMS / "helix.pdb", SYSTEMS / "helix_ligand.sdf"


def pdb(change=lambda line: line, *, more="", keep=lambda line: True):
    """Write the helix with changed lines and return the file."""
    lines = HELIX.read_text().splitlines(keepends=True)
    path = Path("p.pdb")
    path.write_text("".join(change(line) for line in lines if keep(line)) + more)
    return path


def smaller(line):
    """Write positions in nanometres."""
    if line[:6] not in ("ATOM  ", "HETATM"):
        return line
    x = [float(line[k : k + 8]) / 10 for k in (30, 38, 46)]
    return line[:30] + "".join(f"{value:8.3f}" for value in x) + line[54:]


def waters(*numbers):
    """Write the helix with waters of these numbers of residues, apart from each other."""
    form = "HETATM  900  O   HOH A{:4d}    {:8.3f}  30.000  30.000  1.00  0.00           O\n"
    more = "".join(form.format(n, 30.0 + 3.0 * k) for k, n in enumerate(numbers))
    return pdb(keep=lambda line: not line.startswith("END"), more=more)


def renamed(old, new):
    """Return a change of the name of a residue."""
    return lambda line: line[:17] + new + line[20:] if line[17:26] == old else line


def calcium(line):
    """Make the chloride of the crystal a calcium ion."""
    return line.replace(" CL   CL A", "CA    CA A").replace("          CL", "          CA")


def not_of(*names):
    """Return whether a line is of no residue of these names."""
    return lambda line: line[17:20].strip() not in names


def also(name, element=""):
    """Write the helix with one atom more, in a residue behind all."""
    place = "      30.000  30.000  30.000  1.00  0.00          "
    line = f"ATOM    900 {name:<4} UNK A 900{place}{element:>2}"
    return pdb(keep=lambda line: not line.startswith("END"), more=f"TER\n{line}\n")


def two_names(*names):
    """Write an isoleucine in a chain of its own with these atoms beside its backbone."""
    atoms = ("N", "CA", "C", "O", "OXT", *names)
    form = "ATOM    900  {:<3} ILE B   1    {:8.3f}  40.000  40.000  1.00  0.00           {}\n"
    more = "".join(form.format(x, 40.0 + 1.5 * k, x[0]) for k, x in enumerate(atoms))
    return pdb(keep=lambda line: not line.startswith("END"), more=f"TER\n{more}")


def extra(*names):
    """Look whether AMBER's lysine has these atoms."""
    found = protein()
    _refuse_lost(found, found.chains[0][2], {name for name in names if name != "NZ"})


def protein(path=HELIX, remove=("CL",)):
    """Read a protein."""
    return read_protein(path, remove=remove)


def posed(shift=0.0):
    """Read the ligand, moved along x or by a vector [Å]."""
    mol = Chem.MolFromMolFile(str(LIGAND), removeHs=False)
    place = mol.GetConformer()
    way = np.array([shift, 0.0, 0.0]) if isinstance(shift, float) else shift
    for k, x in enumerate(place.GetPositions() + way):
        place.SetAtomPosition(k, x.tolist())
    Path("l.sdf").write_text(Chem.MolToMolBlock(mol) + "$$$$\n")
    return read_ligand(Path("l.sdf"))


def pose(shift=0.0, *, allow_clashes=False):
    """Look how the ligand lies in the helix."""
    return check_pose(protein(), posed(shift), allow_clashes=allow_clashes)


def clashing(*, allow_clashes=False):
    """Look how the ligand lies that has been pushed into the helix."""
    found = protein()
    ligand = posed()
    middle = found.heavy()[0].mean(axis=0) - ligand.positions.mean(axis=0)
    return check_pose(found, posed(middle), allow_clashes=allow_clashes)


def copies(shift=0.0, remove=("CL",)):
    """Compare the groups of the crystal with the ligand."""
    return own_copies(protein(remove=remove), posed(shift))


def sdf(*, hydrogens=True, flat=False, header="2D"):
    """Read a ligand of a file."""
    mol = Chem.MolFromSmiles("Cc1ccccc1")
    if hydrogens:
        mol = Chem.AddHs(mol)
    if not flat:
        AllChem.EmbedMolecule(mol, randomSeed=1)
    text = Chem.MolToMolBlock(mol).replace("          2D\n", f"          {header}\n")
    Path("m.sdf").write_text(text + "$$$$\n")
    return read_ligand(Path("m.sdf"))


def structure(text):
    """Read a structure of some text."""
    Path("s.pdb").write_text(text)
    return read_structure(Path("s.pdb"))


def models(number):
    """Read the helix in so many models."""
    body = "".join(x for x in HELIX.read_text().splitlines(True) if x[:4] in ("ATOM", "HETA"))
    return structure("".join(f"MODEL {k + 1}\n{body}ENDMDL\n" for k in range(number)))


def salt(n_ions):
    """Put ions into a small box."""
    oxygens = np.random.default_rng(1).uniform(0, 20, (200, 3))
    box, solute = np.array([20.0] * 3), np.array([[10.0] * 3])
    return choose_waters(oxygens, solute, box, n_ions, np.random.default_rng(1))


def others(remove):
    """Refuse groups that nobody named."""
    found = read_protein(HELIX, remove=remove)
    return refuse_unknown(found, own_copies(found, posed())[1])


def metal(remove):
    """Refuse a metal ion that nobody named."""
    found = read_protein(pdb(calcium), remove=remove)
    return refuse_unknown(found, own_copies(found, posed())[1])


def as_given(smiles, *, ligand_as_given):
    """Judge the form of a ligand as `prepare complex` does."""
    request = ComplexRequest(HELIX, LIGAND, Path("c"), ligand_as_given=ligand_as_given)
    if not request.ligand_as_given:
        check_form(read_molecule(smiles), request.ph)


def box(**asked):
    """Check the box of a complex as `prepare complex` does."""
    return check_box(ComplexRequest(HELIX, LIGAND, Path("c"), **asked))


def topology(name):
    """Read the topology of a small system."""
    return read_topology(SYSTEMS / f"{name}.prmtop")


def ligand_mask(mask):
    """Take a ligand from methane in water."""
    gas = SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd"
    prmtop = solvate(*gas, folder=Path("wet"), n_waters=100)[0]
    request = AnalyzeRequest(prmtop, Path("t.nc"), Path("out"), ligand_mask=mask)
    return _ligand(request, read_topology(prmtop))


def fitted(mask):
    """Find the backbone that is superposed, beside a ligand."""
    found = topology("helix_complex")
    return backbone(found, alpha_carbons(found), np.array(select_atoms(found, mask)))


def entropy(asked):
    """Find the temperature of frames that were sampled at 350 K."""
    Path("sim/ml_mm").mkdir(parents=True, exist_ok=True)
    Path("sim/simulate.yaml").write_text("temperature_k: 350.0\n")
    return entropy_temperature(Path("sim/ml_mm"), asked)


def crystal(path):
    """Find the B-factors of the helix in a crystal."""
    return crystal_b(path, alpha_carbons(topology("helix_complex")))


def other_protein():
    """Write a crystal of another sequence."""
    return pdb(lambda x: x[:17] + "TRP" + x[20:] if x.startswith("ATOM") else x)


def free(*ligand, potential=None, weights=None):
    """Ask for a free ligand."""
    return free_request(ligand, (None, None), potential, weights)


def species(name):
    """Compare the guest of a complex with a topology."""
    whole = topology("complex")
    guest = [i for i in dry_atoms(whole) if whole.residue_index[i] == 1]
    return check_same(whole, np.array(guest), topology(name), "ligand")


def magnesium(*, stripped):
    """Look for ions in a prmtop with magnesium, or after cpptraj has stripped it."""
    lines = ["source leaprc.protein.ff14SB", "source leaprc.water.tip3p"]
    lines += ["p = sequence { ACE ALA NME }", "i = sequence { MG }", "a = combine { p i }"]
    Path("leap.in").write_text("\n".join([*lines, "saveamberparm a a.prmtop a.inpcrd", "quit", ""]))
    run_program("tleap", ["-s", "-f", "leap.in"], folder=Path.cwd(), log="leap.out")
    Path("strip.in").write_text("parm a.prmtop\nparmstrip :MG\nparmwrite out dry.prmtop\n")
    run_program("cpptraj", ["-i", "strip.in"], folder=Path.cwd(), log="strip.out")
    return refuse_ions(read_topology("dry.prmtop" if stripped else "a.prmtop"))


def solvent(*, decompose):
    """Ask for PB alone."""
    return solvent_settings(("pb",), 5, 0.15, None, decompose=decompose)


def split(igb, name="complex"):
    """Split a complex, or a peptide in the middle."""
    whole = topology(name)
    guest = [i for i in range(len(whole)) if whole.residue_index[i] == 1]
    dry = range(len(whole))
    return split_topology(whole.path, dry, guest, igb=igb, folder=Path("split"))


FREE = Path("g.prmtop"), Path("g.nc")
FIRST = next(x[17:26] for x in HELIX.read_text().splitlines() if x[12:20] == " CA  ALA")
XYZ = f"XYZ{FIRST[3:]}"
STRUCTURES = [
    (lambda: sdf(hydrogens=False), "add them for your pH", sdf),
    (lambda: sdf(flat=True, header="3D"), "give the pose in the frame of the protein", sdf),
    (lambda: sdf(flat=True), "give the pose in the frame of the protein", sdf),
    (lambda: pose(60.0), "give its pose in the frame of the protein", pose),
    (clashing, "give a pose without clashes, or", pose),
    (
        clashing,
        "let --relax-clashes move the ligand and the side chains",
        lambda: clashing(allow_clashes=True),
    ),
    (
        lambda: copies(0.7),
        "leave it out with --remove TOL",
        lambda: copies(0.7, ("CL", "TOL")),
    ),
    (lambda: copies(0.7), "or correct the ligand", copies),
    (
        lambda: protein(pdb(keep=lambda x: x.startswith("HETATM")), ()),
        "give the file of a protein",
        protein,
    ),
    (
        lambda: protein(pdb(renamed(FIRST, "XYZ"))),
        "mutate it to its parent",
        lambda: protein(pdb(renamed(XYZ, "ALA"))),
    ),
    (
        lambda: protein(waters(501, 501, 501)),
        "give each residue a number of its own, and each atom a name",
        lambda: protein(waters(501, 502, 503)),
    ),
    (lambda: protein(pdb(smaller)), "give positions in Å", protein),
    (
        lambda: protein(also("Q1")),
        "give each atom its element",
        lambda: protein(also("Q1", "C")),
    ),
    (
        lambda: protein(two_names("CD", "CD1")),
        "AMBER's and another program's: remove one of them",
        lambda: protein(two_names("CD1")),
    ),
    (lambda: extra("N9"), "give it AMBER's name", lambda: extra("NZ")),
    (lambda: extra("N9"), "or remove it if the residue is a plain LYS", extra),
    (lambda: metal(()), "leave it out with --remove CA", lambda: metal(("CA",))),
    (lambda: others(()), "to leave it out, add --remove CL", lambda: others(("CL",))),
    (lambda: models(2), "put the one that you mean into a file of its own", lambda: models(1)),
    (lambda: structure("no atoms\n"), "give the PDB or mmCIF file", lambda: models(1)),
    (lambda: salt(500), "give a larger --buffer or less salt with --ions", lambda: salt(3)),
    (
        lambda: box(implicit=True, buffer=10.0),
        "which makes no water box; leave it out",
        lambda: box(implicit=True),
    ),
    (
        lambda: as_given("CC(=O)O", ligand_as_given=False),
        "give the other form",
        lambda: as_given("CC(=O)[O-]", ligand_as_given=False),
    ),
    (
        lambda: as_given("CC(=O)O", ligand_as_given=False),
        "or say --ligand-as-given if you know better",
        lambda: as_given("CC(=O)O", ligand_as_given=True),
    ),
]
TRAJECTORIES = [
    (lambda: ligand_mask(":WAT"), "name the ligand alone", lambda: ligand_mask(":1")),
    (lambda: fitted(":*"), "select the ligand and not the protein", lambda: fitted(":1")),
    (lambda: entropy(310.0), "was sampled at 350 K; leave it out", lambda: entropy(None)),
    (lambda: ligand_mask(":1&@H="), "name the whole ligand", lambda: ligand_mask(":1")),
    (
        lambda: crystal(other_protein()),
        "give the crystal structure of the same protein",
        lambda: crystal(HELIX),
    ),
    (
        lambda: free(Path("g.prmtop"), None),
        "--free-ligand-prmtop belong together; give both",
        lambda: free(*FREE),
    ),
    (
        lambda: free(*FREE, potential="mm", weights=Path("w.pt")),
        "belong to an ML potential; name it with --potential",
        lambda: free(*FREE, potential="ani2x", weights=Path("w.pt")),
    ),
    (
        lambda: free(*FREE, weights=Path("w.pt")),
        "or leave --weights out",
        lambda: free(*FREE),
    ),
    (
        lambda: species("methane"),
        "give the topology of the same ligand",
        lambda: species("guest"),
    ),
    (
        lambda: magnesium(stripped=False),
        "strip it from prmtop and trajectory first (cpptraj: strip :MG)",
        lambda: magnesium(stripped=True),
    ),
    (
        lambda: distinct_names([Path("a/run.nc"), Path("a/run.nc")]),
        "give the trajectory that MM sampled",
        lambda: distinct_names([Path("a/run.nc"), Path("b/run.nc")]),
    ),
    (
        lambda: solvent(decompose=True),
        "no effect on pb alone; leave it out",
        lambda: solvent(decompose=False),
    ),
    (lambda: split(6), "igb 6 is not known; use one of 1", lambda: split(5)),
    (lambda: split(5, "dipeptide"), "it must take whole molecules", lambda: split(5)),
]


@pytest.mark.parametrize("row", STRUCTURES + TRAJECTORIES, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
