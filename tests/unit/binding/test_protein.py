# SPDX-License-Identifier: MIT
"""Is a PDB file read as it is meant, and refused where something would have to be guessed?"""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from rdkit import Chem

from merrow.ambertools.molecule import read_molecule
from merrow.binding.prepare.ligand_form import check_form
from merrow.binding.prepare.pose import (
    check_pose,
    crystal_waters,
    own_copies,
    read_ligand,
)
from merrow.binding.prepare.protein import read_protein, refuse_unknown
from merrow.binding.prepare.protonate import protonate
from merrow.binding.prepare.salt import choose_waters
from merrow.errors import InputError, UnsupportedPhysicsError


@pytest.fixture
def edited(systems, tmp_path):
    """A function that writes an altered copy of the structure of the helix."""

    def write(change):
        lines = (systems / "helix.pdb").read_text().splitlines()
        path = tmp_path / "helix.pdb"
        path.write_text("\n".join(change(lines)) + "\n")
        return path

    return write


def test_a_deposited_file_is_read_whole(systems):
    protein = read_protein(systems / "helix.pdb")
    assert [len(chain) for chain in protein.chains] == [17]
    assert len(protein.waters) == 4
    assert [group.name for group in protein.others] == ["TOL", "CL"]
    assert protein.missing == ("ASN A 318", "LEU A 319")


def test_of_two_locations_the_more_occupied_one_is_taken(edited):
    def prefer_b(lines):
        return [
            f"{line[:54]}{'  0.30' if line[16] == 'A' else '  0.70'}{line[60:]}"
            if line.startswith("ATOM") and line[16] in "AB" and line[22:26] == " 306"
            else line
            for line in lines
        ]

    path = edited(prefer_b)
    sulfur = next(line for line in path.read_text().splitlines() if line[12:20] == " SG BCYS")
    cysteine = next(r for r in read_protein(path).residues() if r.number == 306)
    assert cysteine.atoms["SG"] == pytest.approx([float(x) for x in sulfur[30:54].split()])
    assert "CYS A 306: B taken" in read_protein(path).alternates[0]


def test_a_missing_loop_is_refused_with_its_ends(edited):
    lost = {f"{name} A {number}": number for name, number in (("ALA", 307), ("HIS", 308))}

    def without(lines):
        told = [f"REMARK 465     {label.replace(' A ', ' A   ')}" for label in lost]
        return [*told, *(x for x in lines if not (x[:4] == "ATOM" and x[17:26] in lost))]

    path = edited(without)
    with pytest.raises(InputError, match=r"gap between CYS A 306 and ALA A 309.*2 residues"):
        read_protein(path)


def test_a_residue_without_backbone_is_refused(edited):
    alpha = (" CA ", " 309")
    path = edited(lambda lines: [x for x in lines if (x[12:16], x[22:26]) != alpha])
    with pytest.raises(InputError, match=r"309 of helix\.pdb lacks the backbone atom CA"):
        read_protein(path)


def test_a_metal_ion_is_refused_and_other_groups_must_be_named(edited):
    path = edited(lambda lines: [x.replace(" CL   CL A", "CA    CA A") for x in lines])
    path.write_text(path.read_text().replace("          CL", "          CA"))
    with_calcium = read_protein(path)
    with pytest.raises(UnsupportedPhysicsError, match="metal ion CA A 402"):
        refuse_unknown(with_calcium, with_calcium.others)
    path = edited(list)
    whole = read_protein(path)
    with pytest.raises(InputError, match="--remove CL,TOL"):
        refuse_unknown(whole, whole.others)
    left = read_protein(path, remove=("CL", "TOL"))
    refuse_unknown(left, left.others)
    assert left.others == ()


def test_an_amino_acid_without_parameters_is_refused(edited):
    path = edited(lambda lines: [x.replace("MET A 310", "CSO A 310") for x in lines])
    with pytest.raises(UnsupportedPhysicsError, match="CSO A 310"):
        read_protein(path)


WATER = "HETATM    1  O   HOH A   1       0.000   0.000   0.000  1.00  0.00"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "has no atoms"),
        (f"MODEL        1\n{WATER}\nENDMDL\nMODEL        2\n{WATER}\n", "has 2 models"),
        (f"MODEL\n{WATER}\nENDMDL\n{WATER}\n", "has 2 models"),
        (WATER, "no amino acid"),
    ],
)
def test_a_file_without_one_protein_is_refused(tmp_path, text, told):
    (tmp_path / "p.pdb").write_text(text)
    with pytest.raises(InputError, match=told):
        read_protein(tmp_path / "p.pdb")


def test_the_ligand_is_recognised_in_the_deposited_file(systems):
    protein = read_protein(systems / "helix.pdb")
    ligand = read_ligand(systems / "helix_ligand.sdf")
    same, rest = own_copies(protein, ligand)
    assert [group.label for group in same] == ["TOL A 401"]
    assert [group.name for group in rest] == ["CL"]
    pose = check_pose(protein, ligand, allow_clashes=False)
    assert pose.clashes == ()
    assert "LYS A 316" in pose.neighbours


def test_a_ligand_bound_by_a_link_record_is_refused(edited, systems):
    link = "LINK         C1  TOL A 401                 SG  CYS A 306     1555   1555  1.80"
    protein = read_protein(edited(lambda lines: [link, *lines]))
    with pytest.raises(UnsupportedPhysicsError, match="TOL A 401 to CYS A 306: covalent"):
        own_copies(protein, read_ligand(systems / "helix_ligand.sdf"))


def test_a_ligand_elsewhere_is_refused(systems):
    protein = read_protein(systems / "helix.pdb")
    ligand = read_ligand(systems / "helix_ligand.sdf")
    away = replace(ligand, positions=ligand.positions + np.array([0, 60.0, 0]))
    with pytest.raises(InputError, match=r"0 of the 7 heavy atoms.*not in a pocket"):
        check_pose(protein, away, allow_clashes=False)


def test_six_of_the_sixteen_poses_of_cdk2_clash(shared, tmp_path):
    folder = shared / "data" / "protein-ligand" / "cdk2"
    protein = read_protein(folder / "protein.pdb")
    with (folder / "affinities.csv").open() as stream:
        flagged = {row["ligand"] for row in csv.DictReader(stream) if row["pose_clash"] == "1"}
    found = set()
    for block in (folder / "ligands.sdf").read_text().split("$$$$\n"):
        if block.strip():
            path = tmp_path / "one.sdf"
            path.write_text(block + "$$$$\n")
            ligand = read_ligand(path)
            check_form(ligand, 7.4)
            if check_pose(protein, ligand, allow_clashes=True).clashes:
                found.add(ligand.name)
                with pytest.raises(InputError, match="overlap, the worst"):
                    check_pose(protein, ligand, allow_clashes=False)
    assert found == flagged
    assert len(found) == 6


@pytest.mark.parametrize(
    ("smiles", "ph", "told"),
    [
        ("CC(=O)O", 7.4, "neutral carboxylic acid"),
        ("CC(=O)[O-]", 1.0, "a carboxylate"),
        ("CCN", 7.4, "neutral primary amine"),
        ("CC[NH3+]", 12.5, "protonated amine"),
        ("CN(C)C", 7.4, "neutral tertiary amine"),
        ("CC(=N)N", 7.4, "neutral amidine"),
        ("CS(=O)(=O)O", 7.4, "sulfonic"),
    ],
)
def test_a_form_that_the_ligand_hardly_has_is_refused(smiles, ph, told):
    with pytest.raises(InputError, match=told):
        check_form(read_molecule(smiles), ph)


@pytest.mark.parametrize(
    "smiles", ["CC(=O)[O-]", "CC[NH3+]", "CC(=O)NC", "Nc1ccccc1", "c1ccncc1", "CS(=O)(=O)N", "CO"]
)
def test_a_usual_form_is_accepted_at_ph_7(smiles):
    assert check_form(read_molecule(smiles), 7.4) is None


def test_a_pose_without_hydrogens_is_refused(systems, tmp_path):
    mol = Chem.RemoveHs(Chem.MolFromMolFile(str(systems / "helix_ligand.sdf")))
    Chem.MolToMolFile(mol, str(tmp_path / "bare.sdf"))
    with pytest.raises(InputError, match="lacks 8 hydrogens"):
        read_ligand(tmp_path / "bare.sdf")


def test_waters_in_the_place_of_the_ligand_leave(systems, edited):
    ligand = read_ligand(systems / "helix_ligand.sdf")
    x, y, z = ligand.positions[0] + np.array([1.0, 0.0, 0.0])
    extra = f"HETATM 9999  O   HOH A 999    {x:8.3f}{y:8.3f}{z:8.3f}  1.00 20.00           O"
    protein = read_protein(edited(lambda lines: [*lines[:-1], extra]))
    found = crystal_waters(protein, ligand)
    assert found.in_ligand == ("HOH A 999",)
    assert len(found.kept) == 4


def test_of_waters_that_are_there_in_turn_the_more_occupied_one_stays(systems, edited):
    ligand = read_ligand(systems / "helix_ligand.sdf")
    form = "HETATM 9999  O  {}HOH A {}      30.000  {:6.3f}  30.000  {:.2f} 20.00           O"
    two = [form.format("A", 998, 30.0, 0.4), form.format("B", 999, 30.9, 0.6)]
    on_protein = edited(lambda lines: [*lines[:-1], *two])
    found = crystal_waters(read_protein(on_protein), ligand)
    assert found.in_turn == ("HOH A 998",)
    assert len(found.kept) == 5


def test_ions_keep_apart_and_the_choice_is_the_same_every_time():
    rng = np.random.default_rng(0)
    oxygens = rng.uniform(0.0, 40.0, (2000, 3))
    solute = np.full((1, 3), 20.0)
    box = np.full(3, 40.0)
    taken = choose_waters(oxygens, solute, box, 30, np.random.default_rng(1))
    assert taken == choose_waters(oxygens, solute, box, 30, np.random.default_rng(1))
    assert taken != choose_waters(oxygens, solute, box, 30, np.random.default_rng(2))
    between = oxygens[taken][:, None] - oxygens[taken][None]
    between -= box * np.round(between / box)
    distance = np.linalg.norm(between, axis=-1)[np.triu_indices(30, 1)]
    assert distance.min() > 5.0
    assert np.linalg.norm(oxygens[taken] - solute, axis=1).min() > 5.0
    with pytest.raises(InputError, match="room for"):
        choose_waters(oxygens, solute, box, 1500, rng)


@pytest.mark.slow
def test_missing_side_chains_are_built_and_reported(edited, tmp_path):
    pytest.importorskip("pdb2pqr")
    gone = {" CG ", " CD ", " CE ", " NZ "}
    path = edited(
        lambda lines: [x for x in lines if not (x[17:26] == "LYS A 303" and x[12:16] in gone)]
    )
    made = protonate(read_protein(path), ph=7.4, folder=tmp_path / "h")
    assert set(made.built) == {f"{a.strip()} of LYS A 303" for a in gone}
    assert len(made.names) == 17
    neutral = next(name for name in made.names if name in ("HID", "HIE"))  # nothing decides which
    assert made.states == (f"HIS A 308: {neutral}",)


@pytest.mark.slow
def test_a_low_ph_protonates_histidines(systems, tmp_path):
    pytest.importorskip("pdb2pqr")
    made = protonate(read_protein(systems / "helix.pdb"), ph=4.0, folder=tmp_path / "h")
    assert made.names.count("HIP") == 1


def test_an_atom_that_ambers_lysine_does_not_have_is_refused(edited, tmp_path):
    pytest.importorskip("pdb2pqr")

    def acetylated(lines):
        nitrogen = next(x for x in lines if x[12:26] == " NZ  LYS A 303")
        carbon = f"{nitrogen[:12]} CH {nitrogen[16:30]}{float(nitrogen[30:38]) + 1.35:8.3f}"
        at = lines.index(nitrogen)
        return [*lines[: at + 1], f"{carbon}{nitrogen[38:76]} C", *lines[at + 1 :]]

    protein = read_protein(edited(acetylated))
    with pytest.raises(InputError, match=r"LYS A 303 of helix\.pdb has the atom CH, which is none"):
        protonate(protein, ph=7.4, folder=tmp_path / "p")
