# SPDX-License-Identifier: MIT
"""Chains, variants and doubled atoms in PDB files of AMBER, CHARMM and crystallographers."""

from __future__ import annotations

import pytest

from merrow.binding.prepare.protein import read_protein
from merrow.errors import InputError


def written(path, lines):
    path.write_text("\n".join([*lines, "END"]) + "\n")
    return path


def changed(line, *, number=None, chain=None, name=None, shift=0.0, letter=None, occupancy=None):
    """Return a line with other fields."""
    place = float(line[30:38]) + shift
    return (
        f"{line[:16]}{line[16] if letter is None else letter}{name or line[17:20]} "
        f"{line[21] if chain is None else chain}{line[22:26] if number is None else f'{number:4d}'}"
        f"{line[26:30]}{place:8.3f}{line[38:54]}"
        f"{line[54:60] if occupancy is None else f'{occupancy:6.2f}'}{line[60:]}"
    )


def copy(lines, *, first=301, segment=""):
    """Return a second peptide beside the first, its chain without a letter."""
    moved = [changed(x, number=first + int(x[22:26]) - 301, chain=" ", shift=40.0) for x in lines]
    return [line.ljust(72)[:72] + segment for line in moved] if segment else moved


def one(lines, segment=""):
    bare = [changed(line, chain=" ") for line in lines]
    return [line.ljust(72)[:72] + segment for line in bare] if segment else bare


@pytest.mark.parametrize(
    "kind", ["numbers begin again behind TER", "OXT and TER, as AMBER", "segments, as CHARMM"]
)
def test_chains_without_letters_are_told_apart(peptide, tmp_path, kind):
    lines = {
        "numbers begin again behind TER": [*one(peptide), "TER", *copy(peptide)],
        "OXT and TER, as AMBER": [*one(peptide), "TER", *copy(peptide, first=318)],
        "segments, as CHARMM": [*one(peptide, "PROA"), *copy(peptide, segment="PROB")],
    }[kind]
    found = read_protein(written(tmp_path / "p.pdb", lines))
    assert [len(chain) for chain in found.chains] == [17, 17]


def test_a_missing_residue_stays_a_gap_with_ter_or_without(peptide, tmp_path):
    before = [line for line in peptide if int(line[22:26]) < 308]
    after = [line for line in peptide if int(line[22:26]) > 308]
    for between in ([], ["TER"]):
        with pytest.raises(InputError, match="has a gap between ALA A 307 and ALA A 309"):
            read_protein(written(tmp_path / "p.pdb", [*before, *between, *after]))


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize(("share", "kept"), [(0.3, "LYS"), (0.7, "ALA")])
def test_of_two_amino_acids_at_one_place_the_more_occupied_is_taken(
    peptide, tmp_path, interleaved, share, kept
):
    lines = []
    for number in range(301, 318):
        own = [line for line in peptide if int(line[22:26]) == number]
        if number != 303:
            lines += own
            continue
        lysine = [changed(line, letter="A", occupancy=1.0 - share) for line in own]
        alanine = [
            changed(line, letter="B", name="ALA", occupancy=share)
            for line in own
            if line[12:16].strip() in ("N", "CA", "C", "O", "CB")
        ]
        both = [*lysine, *alanine]
        lines += sorted(both, key=lambda line: line[12:16]) if interleaved else both
    found = read_protein(written(tmp_path / "p.pdb", lines))
    assert [len(chain) for chain in found.chains] == [17]
    assert found.chains[0][2].name == kept
    assert len(found.chains[0][2].atoms) == {"LYS": 9, "ALA": 5}[kept]
    assert any(f"{kept} A 303 taken of" in told for told in found.alternates)


def test_atoms_at_two_places_are_named(peptide, tmp_path):
    water = "HETATM  900  O   HOH A 501    {:8.3f}  30.000  30.000  1.00  0.00           O"
    waters = [water.format(30.0 + 3.0 * k) for k in range(3)]
    with pytest.raises(InputError, match=r"HOH A 501 of p\.pdb has the atom O at two places"):
        read_protein(written(tmp_path / "p.pdb", [*peptide, "TER", *waters]))


def test_positions_in_nanometres_are_named(peptide, tmp_path):
    small = [
        f"{x[:30]}{''.join(f'{float(x[i : i + 8]) / 10:8.3f}' for i in (30, 38, 46))}{x[54:]}"
        for x in peptide
    ]
    with pytest.raises(InputError, match="give positions in Å"):
        read_protein(written(tmp_path / "p.pdb", small))


def test_the_names_of_the_ends_of_a_chain_are_understood(peptide, tmp_path):
    nitrogen = next(x for x in peptide if x[22:26] == " 317" and x[12:16].strip() == "C")
    amide = changed(nitrogen, number=318, name="NH2", shift=0.9).replace("  C  ", "  N  ")
    lines = [line.replace("SER A", "NSERA") if " 301 " in line[20:28] else line for line in peptide]
    amide = f"{amide[:38]}{float(amide[38:46]) + 0.9:8.3f}{amide[46:76]} N"
    found = read_protein(written(tmp_path / "p.pdb", [*lines, amide]))
    (chain,) = found.chains
    assert (chain[0].name, chain[-1].name) == ("SER", "NHE")


def test_a_mark_of_the_encoding_hides_no_atom(peptide, tmp_path):
    path = tmp_path / "p.pdb"
    path.write_text("\ufeff" + "\n".join(peptide) + "\nEND\n", encoding="utf-8")
    assert len(read_protein(path).chains[0]) == 17
