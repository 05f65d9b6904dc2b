# SPDX-License-Identifier: MIT
"""Do AmberTools' programs read the data beside them, and does the cache tell data apart?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from merrow.ambertools import prepare, programs
from merrow.ambertools.molecule import read_molecule
from merrow.ambertools.programs import data_digest, run_program, version, with_own_data
from merrow.errors import InputError

TELL = '#!/bin/sh\necho "antechamber 26.0 of ${AMBERHOME:-nowhere}."\n'


@pytest.fixture
def amber(tmp_path, monkeypatch):
    """Install an Amber of that name, with data or without; return its folder."""
    monkeypatch.delenv("AMBERHOME", raising=False)
    programs.version.cache_clear()

    def install(name: str, data: str | None = "BCC") -> Path:
        home = tmp_path / name
        (home / "bin").mkdir(parents=True)
        program = home / "bin" / "antechamber"
        program.write_text(TELL)
        program.chmod(0o755)
        if data is not None:
            (home / "dat" / "leap").mkdir(parents=True)
            (home / "dat" / "antechamber").mkdir()
            (home / "dat" / "antechamber" / "BCCPARM.DAT").write_text(data)
        monkeypatch.setenv("PATH", f"{home / 'bin'}:/bin:/usr/bin")
        return home

    yield install
    programs.version.cache_clear()


def said(folder: Path) -> str:
    return run_program("antechamber", [], folder=folder, log="log").strip()


def test_the_data_of_another_amber_are_not_read(amber, monkeypatch, tmp_path):
    other, home = amber("other", "old"), amber("own")
    assert said(tmp_path) == f"antechamber 26.0 of {home}."
    monkeypatch.setenv("AMBERHOME", str(other))
    assert said(tmp_path) == f"antechamber 26.0 of {home}."
    assert os.environ["AMBERHOME"] == str(other)


def test_a_link_to_a_program_reads_the_data_beside_the_program(amber, monkeypatch, tmp_path):
    home = amber("own")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "antechamber").symlink_to(home / "bin" / "antechamber")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/bin:/usr/bin")
    assert said(tmp_path) == f"antechamber 26.0 of {home}."


def test_a_program_without_data_beside_it_reads_those_that_the_user_names(
    amber, monkeypatch, tmp_path
):
    other, home = amber("other"), amber("bare", None)
    assert said(tmp_path) == "antechamber 26.0 of nowhere."
    monkeypatch.setenv("AMBERHOME", str(other))
    assert said(tmp_path) == f"antechamber 26.0 of {other}."
    assert with_own_data(home / "bin" / "antechamber") == dict(os.environ)


def key() -> str:
    programs._digest.cache_clear()
    return prepare._fingerprint(read_molecule("CO"), "bcc", 2)


def test_the_cache_tells_data_apart_by_their_content(amber, monkeypatch):
    other, same = amber("other", "old"), amber("same", "old")
    home = amber("own", "new")
    assert version() == "26.0"
    own = key()
    amber("bare", None)
    keys = {own, key()}
    assert data_digest() == ""
    monkeypatch.setenv("AMBERHOME", str(other))
    keys.add(old := key())
    assert len(keys) == 3
    monkeypatch.setenv("AMBERHOME", str(same))
    assert key() == old
    monkeypatch.setenv("AMBERHOME", str(home))
    assert key() == own
    (home / "dat" / "antechamber" / "BCCPARM.DAT").write_text("newer")
    assert key() not in keys


def test_without_a_home_folder_there_is_no_place_for_parameters(amber, monkeypatch, tmp_path):
    amber("own")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("none")))
    with pytest.raises(InputError, match="set XDG_CACHE_HOME"):
        prepare.is_known(read_molecule("CO"), charges="bcc")
    assert not prepare._is_whole(prepare._shelf(read_molecule("CO"), "bcc", 2, tmp_path))
