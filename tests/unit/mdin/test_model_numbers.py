# SPDX-License-Identifier: MIT
"""Does a number mlp_model name what it names in the original program?"""

from __future__ import annotations

from pathlib import Path

import pytest

from merrow.errors import InputError
from merrow.md.from_mdin import md_settings
from merrow.mdin.namelist import parse_mdin
from merrow.potentials import potential_names
from merrow.sander.input import read_input

MDIN = " title\n &cntrl imin=0, nstlim=2, ntb=0, cut=999.0, ifmlp=1 /\n &mlp animask=':1'{} /\n"
FILES = [
    (0, "ani2x_model.pt", "ani2x"),
    (1, "MACE-OFF23_small.pt", "mace-off23-small"),
    (2, "ani1_xnr.pt", ""),
    (3, "MACE-OFF23_medium.pt", "mace-off23-medium"),
    (4, "MACE-OFF23_large.pt", "mace-off23-large"),
]
"""As in the sources of the original program."""


def asked(words: str) -> tuple[str, str, tuple[str, ...]]:
    """Return the potential by `merrow md` and by `merrow sander`, and the notes of the first."""
    text = MDIN.format(words)
    config = md_settings(parse_mdin(text, source="mdin"))
    return config.ml.potential, read_input(text, source="mdin").ml.potential, config.notes


@pytest.mark.parametrize(("number", "file_name", "name"), FILES)
def test_a_number_is_a_file_of_model_path_where_that_is_set(
    number, file_name, name, tmp_path, monkeypatch
):
    words = f", mlp_model={number}"
    monkeypatch.delenv("MODEL_PATH", raising=False)
    if name:
        assert asked(words) == (name, name, ())
    path = tmp_path / file_name
    path.write_bytes(b"")
    monkeypatch.setenv("MODEL_PATH", str(tmp_path))
    md, sander, (note,) = asked(words)
    assert md == sander == f"torchscript:{path}"
    rest = f", and not our own {name}" if name else ""
    assert note == f"mlp_model={number} is {path}, since MODEL_PATH is set{rest}."


def test_a_number_without_a_model_of_ours_asks_for_its_file(monkeypatch):
    # and does not suggest ani1x, which is another model
    monkeypatch.delenv("MODEL_PATH", raising=False)
    with pytest.raises(InputError, match=r"is the file ani1_xnr\.pt of the original") as told:
        asked(", mlp_model=2")
    assert "ani1x" not in str(told.value).replace("ani1_xnr", "")


def test_without_a_number_it_is_the_first_and_a_name_is_a_name(tmp_path, monkeypatch):
    (tmp_path / "ani2x_model.pt").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_PATH", ".")
    assert asked("")[0] == f"torchscript:{Path.cwd() / 'ani2x_model.pt'}"
    assert asked(", potential='ani1x'") == ("ani1x", "ani1x", ())


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_PATH", str(tmp_path))
    with pytest.raises(
        InputError, match=r"mdin: mlp_model=1 names MACE-OFF23_small\.pt in"
    ) as told:
        asked(", mlp_model=1")
    assert "unset MODEL_PATH for our own mace-off23-small" in str(told.value)


def test_our_own_models_of_these_numbers_exist():
    known = potential_names()
    assert [name for _, _, name in FILES if name not in known] == [""]  # no weights of ANI-1xnr
