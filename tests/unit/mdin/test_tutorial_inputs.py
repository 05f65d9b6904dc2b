# SPDX-License-Identifier: MIT
"""Inputs as AMBER's tutorials have them: read, or refused by the name of what is not here."""

from __future__ import annotations

import pytest

from merrow.errors import InputError
from merrow.md.from_mdin import md_settings, read_md_settings
from merrow.mdin.namelist import parse_mdin

MLP = "&mlp animask=':LIG', potential='mm' /\n"


def settings(keys, below=""):
    text = f"a title\n &cntrl {keys} ifmlp=1 /\n{MLP}{below}"
    return md_settings(parse_mdin(text, source="mdin"))


@pytest.mark.parametrize(
    ("keys", "below", "told"),
    [
        ("imin=1, ntr=1,", "Hold it\n500.0\nRES 1 20\nEND\nEND\n", "restraintmask='...'"),
        ("", "&wt istep1=0, istep2=9, value1=0.0, value2=300.0, type='TEMP0' /\n", "that vary"),
        ("scee=1.0,", "", "1-4 electrostatics"),
        ("scnb=1.0,", "", "those of the prmtop"),
        ("lj1264=1,", "", "12-6-4"),
        ("igb=5, ntb=0, cut=999.0,", "", "without explicit water are not available"),
        ("igb=6, ntb=1,", "", "igb=6 is a run in vacuum"),
        ("", "&ewald / nfft1=30\n", "'nfft1=30' is outside of any namelist"),
    ],
)
def test_what_is_not_here_is_refused_by_its_name(keys, below, told):
    with pytest.raises(InputError) as caught:
        settings(keys, below)
    assert told in str(caught.value)


def test_vacuum_has_no_box_whatever_the_files_have():
    assert settings("igb=6, cut=999.0,").periodic is False
    assert settings("scee=1.2, scnb=2.0, igb=0, lj1264=0,").periodic is None


def test_the_names_of_water_are_noted():
    assert any("watnam" in note for note in settings("watnam='HOH', owtnm='OW',").notes)


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff&cntrl ifmlp=1 /\n&mlp animask=':1', potential='mm' /\n",
        "t\n&cntrl ifmlp=1 / end of cntrl\n# the region\n&mlp animask=':1', potential='mm' / it\n",
    ],
)
def test_marks_and_words_behind_a_namelist_do_not_matter(tmp_path, text):
    (tmp_path / "mdin").write_text(text, encoding="utf-8")
    assert read_md_settings(tmp_path / "mdin").ml.mask == ":1"
