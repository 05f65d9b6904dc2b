# SPDX-License-Identifier: MIT
"""Alternate locations, insertion codes and doubled atoms: each atom is read, named or refused."""

from __future__ import annotations

import numpy as np
import parmed
import pytest
from test_chains_of_files import changed, copy, one, written

from merrow.binding.crystal import alpha_carbons, crystal_b
from merrow.binding.prepare.protein import read_protein
from merrow.binding.prepare.protonate import _refuse_lost
from merrow.errors import InputError

SIDE = ("CB", "CG", "CD", "CE", "NZ")


def name_of(line):
    return line[12:16].strip()


def at(lines, number):
    return [line for line in lines if int(line[22:26]) == number]


def replaced(lines, number, new):
    """Return lines in which others stand for one residue."""
    before = [line for line in lines if int(line[22:26]) < number]
    return [*before, *new, *(line for line in lines if int(line[22:26]) > number)]


def residue(protein, number):
    return next(r for r in protein.residues() if r.number == number)


def x_of(line):
    return [float(line[i : i + 8]) for i in (30, 38, 46)]


def test_a_first_location_without_a_letter_counts_by_its_occupancy(peptide, tmp_path):
    lysine = at(peptide, 303)
    doubled = [
        line
        for atom in lysine
        for line in (
            [changed(atom, occupancy=0.7), changed(atom, letter="B", occupancy=0.3, shift=0.9)]
            if name_of(atom) in SIDE
            else [atom]
        )
    ]
    found = read_protein(written(tmp_path / "p.pdb", replaced(peptide, 303, doubled)))
    for atom in lysine:
        assert residue(found, 303).atoms[name_of(atom)] == pytest.approx(x_of(atom))
    assert "LYS A 303: no letter taken of occupancies no letter 0.70, B 0.30" in found.alternates


@pytest.mark.parametrize("order", ["by atom", "by letter", "behind all residues"])
@pytest.mark.parametrize("letters", ["AB", "12"])
def test_locations_in_any_order_are_those_of_one_residue(
    peptide,
    tmp_path,
    order,
    letters,
):
    lysine = at(peptide, 303)
    first = [changed(line, letter=letters[0], occupancy=0.6) for line in lysine]
    second = [changed(line, letter=letters[1], occupancy=0.4, shift=0.9) for line in lysine]
    lines = {
        "by atom": replaced(
            peptide, 303, [x for pair in zip(first, second, strict=True) for x in pair]
        ),
        "by letter": replaced(peptide, 303, [*first, *second]),
        "behind all residues": [*replaced(peptide, 303, first), *second],
    }[order]
    found = read_protein(written(tmp_path / "p.pdb", lines))
    assert [len(chain) for chain in found.chains] == [17]
    for atom in lysine:
        assert residue(found, 303).atoms[name_of(atom)] == pytest.approx(x_of(atom))


def test_chains_without_letters_keep_their_own_alternate_locations(peptide, tmp_path):
    # ParmEd takes the second chain's locations for further ones of the first chain's atoms
    doubled = [
        x
        for line in at(peptide, 303)
        for x in (
            changed(line, letter="A", occupancy=0.6),
            changed(line, letter="B", occupancy=0.4, shift=0.9),
        )
    ]
    lines = replaced(peptide, 303, doubled)
    found = read_protein(written(tmp_path / "p.pdb", [*one(lines), "TER", *copy(lines)]))
    assert [len(chain) for chain in found.chains] == [17, 17]
    one_chain, other = (
        {name: x for r in chain if r.number == 303 for name, x in r.atoms.items()}
        for chain in found.chains
    )
    assert one_chain.keys() == other.keys()
    for name, x in one_chain.items():
        assert other[name] - x == pytest.approx([40.0, 0.0, 0.0])


def test_no_residue_is_a_mixture_of_two_locations_and_what_is_left_out_is_named(peptide, tmp_path):
    lysine = at(peptide, 303)
    lines = []
    for atom in lysine:
        if name_of(atom) not in SIDE:
            lines.append(atom)
            continue
        lines.append(changed(atom, letter="A", occupancy=0.4))
        if name_of(atom) in ("CB", "CG"):
            lines.append(changed(atom, letter="B", occupancy=0.6, shift=0.9))
    found = read_protein(written(tmp_path / "p.pdb", replaced(peptide, 303, lines)))
    assert residue(found, 303).atoms.keys() == {"N", "CA", "C", "O", "CB", "CG"}
    assert "LYS A 303: CD, CE, NZ of the other location left out" in found.alternates


def test_letters_that_share_no_atom_are_chosen_apart(peptide, tmp_path):
    shares = {"O": (("C", 0.3), ("D", 0.7)), "NZ": (("A", 0.8), ("B", 0.2))}
    lines = [
        line
        for atom in at(peptide, 303)
        for line in (
            [
                changed(atom, letter=letter, occupancy=share, shift=0.5 * k)
                for k, (letter, share) in enumerate(shares[name_of(atom)])
            ]
            if name_of(atom) in shares
            else [atom]
        )
    ]
    found = read_protein(written(tmp_path / "p.pdb", replaced(peptide, 303, lines)))
    own = {name_of(line): x_of(line) for line in at(peptide, 303)}
    taken = residue(found, 303).atoms
    assert taken["NZ"] == pytest.approx(own["NZ"])
    assert taken["O"] == pytest.approx(np.add(own["O"], [0.5, 0.0, 0.0]))


def test_an_amino_acid_in_turn_with_one_without_letters_is_no_second_residue(peptide, tmp_path):
    lysine = [changed(line, occupancy=0.6) for line in at(peptide, 303)]
    alanine = [
        changed(line, letter="B", name="ALA", occupancy=0.4)
        for line in lysine
        if name_of(line) in ("N", "CA", "C", "O", "CB")
    ]
    lines = replaced(peptide, 303, [*lysine, *alanine])
    path = written(tmp_path / "p.pdb", lines)
    found = read_protein(path)
    assert residue(found, 303).name == "LYS"
    assert "LYS A 303 taken of occupancies LYS 0.60, ALA 0.40" in found.alternates
    chosen = read_protein(path, remove=("LYS:A:303",))
    assert residue(chosen, 303).name == "ALA"
    assert len(chosen.chains[0]) == 17


def test_residues_with_insertion_codes_are_residues_of_their_own(peptide, tmp_path):
    lines = [
        f"{x[:22]}{f'{303:4d}' + 'AB'[int(x[22:26]) - 304]}{x[27:]}"
        if int(x[22:26]) in (304, 305)
        else x
        for x in peptide
    ]
    found = read_protein(written(tmp_path / "p.pdb", lines))
    assert [r.label.split()[-1] for r in found.residues()][2:5] == ["303", "303A", "303B"]
    assert sum(len(r.atoms) for r in found.residues()) == len(lines)


def test_a_gap_among_insertion_codes_is_named(peptide, tmp_path):
    kept = [line for line in peptide if int(line[22:26]) not in (304, 305)]
    told = ["REMARK 465     LEU A   303A", "REMARK 465     LEU A   303B"]
    path = written(tmp_path / "p.pdb", [*told, *kept])
    with pytest.raises(InputError, match=r"gap between LYS A 303 and .* A 306"):
        read_protein(path)


def test_models_without_a_record_of_it_are_refused(peptide, tmp_path):
    assert name_of(peptide[-1]) == "OXT"
    again = [changed(line, shift=0.2) for line in peptide]
    path = written(tmp_path / "p.pdb", [*peptide, "END", *again])
    with pytest.raises(InputError, match=r"0\.20 Å apart in p\.pdb: .* each residue once"):
        read_protein(path)


def test_numbers_above_99999_that_move_the_columns_are_refused(peptide, tmp_path):
    moved = f"ATOM  100000{peptide[0][11:]}"
    with pytest.raises(InputError, match="its columns are moved by one"):
        read_protein(written(tmp_path / "p.pdb", [moved, *peptide[1:]]))


def test_an_atom_of_no_known_element_is_refused(peptide, tmp_path):
    strange = f"{peptide[0][:12]} Q1 {peptide[0][16:76]}  "
    with pytest.raises(InputError, match=r"the atom Q1 of .* is of no known element"):
        read_protein(written(tmp_path / "p.pdb", [*peptide, strange]))


def test_calcium_without_a_column_of_elements_is_calcium(peptide, tmp_path):
    ion = "HETATM  900 CA    CA A 402      30.000  30.000  30.000  1.00 20.00"
    found = read_protein(written(tmp_path / "p.pdb", [*peptide, "TER", ion]))
    assert found.others[0].numbers == {"CA": 20}


def test_mmcif_has_the_same_locations_in_any_order(peptide, tmp_path):
    lysine = at(peptide, 303)
    first = [changed(line, letter="A", occupancy=0.4, shift=0.9) for line in lysine]
    second = [changed(line, letter="B", occupancy=0.6) for line in lysine]
    path = written(tmp_path / "p.pdb", replaced(peptide, 303, [*first, *second]))
    ours = read_protein(path)
    header = [
        *("group_PDB", "id", "type_symbol", "label_atom_id", "label_alt_id", "label_comp_id"),
        *("label_asym_id", "auth_seq_id", "pdbx_PDB_ins_code", "Cartn_x", "Cartn_y", "Cartn_z"),
        *("occupancy", "B_iso_or_equiv"),
    ]
    rows = [
        f"ATOM {line[6:11]} {line[76:78]} {name_of(line)} {line[16].strip() or '?'} {line[17:20]} "
        f"{line[21]} {line[22:26]} ? {' '.join(map(str, x_of(line)))} {line[54:60]} {line[60:66]}"
        for line in path.read_text().splitlines()
        if line.startswith("ATOM")
    ]
    loop = ["data_x", "loop_", *(f"_atom_site.{name}" for name in header), *rows, "#"]
    (tmp_path / "p.cif").write_text("\n".join(loop) + "\n")
    theirs = read_protein(tmp_path / "p.cif")
    np.testing.assert_allclose(theirs.heavy()[0], ours.heavy()[0], atol=1e-3)
    assert theirs.heavy()[1] == ours.heavy()[1]
    own = {name_of(line): x_of(line) for line in lysine}
    assert residue(theirs, 303).atoms["NZ"] == pytest.approx(own["NZ"])


def test_a_link_is_known_where_chains_have_no_letter(peptide, tmp_path):
    link = "LINK         C1  TOL   401                 SG  CYS   306     1555   1555  1.80"
    found = read_protein(written(tmp_path / "p.pdb", [link, *one(peptide)]))
    assert found.links == (("TOL 401", "CYS 306"),)
    assert found.links[0][1] in {residue.label for residue in found.residues()}


def test_an_atom_that_ambers_residue_does_not_have_is_refused(peptide, tmp_path):
    found = read_protein(written(tmp_path / "p.pdb", peptide))
    with pytest.raises(InputError, match=r"LYS A 303 of p\.pdb has the atom CH, which is none of"):
        _refuse_lost(found, residue(found, 303), {"CH"})


def test_the_b_factor_of_a_crystal_is_that_of_the_more_occupied_location(systems, tmp_path):
    from merrow.amber.topology import read_topology  # noqa: PLC0415

    carbons = alpha_carbons(read_topology(systems / "helix_complex.prmtop"))
    before = crystal_b(systems / "helix.pdb", carbons)
    lines = []
    for line in (systems / "helix.pdb").read_text().splitlines():
        if line.startswith("ATOM") and name_of(line) == "CA" and line[22:26] == " 309":
            lines += [
                f"{line[:54]}  0.30 99.00{line[66:]}",
                f"{line[:16]}B{line[17:54]}  0.70{line[60:]}",
            ]
        else:
            lines.append(line)
    after = crystal_b(written(tmp_path / "p.pdb", lines), carbons)
    np.testing.assert_allclose(after, before)
    parmed.read_PDB(str(systems / "helix.pdb"), skip_bonds=True).write_cif(str(tmp_path / "p.cif"))
    np.testing.assert_allclose(crystal_b(tmp_path / "p.cif", carbons), before, atol=0.01)
