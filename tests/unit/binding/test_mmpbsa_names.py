# SPDX-License-Identifier: MIT
"""Is MMPBSA found under each of its names?"""

from __future__ import annotations

import sys

import pytest

from merrow.binding.mmpbsa_program import Settings, installed_name, run_alone
from merrow.errors import MissingComponentError

PROGRAM = """#!/bin/sh
printf 'Complex Energy Terms\\nFrame #,BOND,TOTAL\\n0,1.0,-2.5\\n' > frames.csv
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    return tmp_path


@pytest.mark.parametrize("name", ["MMPBSA", "MMPBSA.py"])
def test_the_wheels_name_and_ambers_own_are_known(folder, name):
    program = folder / name
    program.write_text(PROGRAM)
    program.chmod(0o755)
    assert installed_name() == name
    found = run_alone("gb", folder / "a.prmtop", folder / "a.nc", Settings(), folder=folder / "out")
    assert found["TOTAL"].tolist() == [-2.5]


@pytest.mark.usefixtures("folder")
def test_neither_is_an_absent_program():
    with pytest.raises(MissingComponentError, match="'MMPBSA' is neither on PATH"):
        installed_name()
