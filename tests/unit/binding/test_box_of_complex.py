# SPDX-License-Identifier: MIT
"""Are settings of a water box refused where a complex gets none?"""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import merrow
from merrow.binding.prepare.complex import ComplexRequest, check_box
from merrow.cli.main import app
from merrow.errors import InputError

LOST = Path("lost.pdb"), Path("lost.sdf")


@pytest.mark.parametrize(("name", "value"), [("buffer", 10.0), ("ions", 0.5), ("waters", "keep")])
def test_a_setting_of_the_box_is_refused_without_one(tmp_path, name, value):
    told = f"--{name} has no effect with --implicit"
    with pytest.raises(InputError, match=told):
        merrow.prepare_complex(*LOST, out=tmp_path / "c", implicit=True, **{name: value})
    files = ("--protein", LOST[0], "--ligand", LOST[1], "--out", tmp_path / "c")
    words = ("prepare", "complex", *files, "--implicit", f"--{name}", value)
    answer = CliRunner().invoke(app, [str(word) for word in words])
    assert isinstance(answer.exception, InputError)
    assert told in str(answer.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_box_has_its_usual_settings_and_limits():
    usual = ComplexRequest(*LOST, Path("c"))
    assert (usual.around, usual.salt, usual.waters) == (10.0, 0.15, None)
    check_box(usual)
    for name, value in (("buffer", 3.0), ("buffer", float("nan")), ("ions", 2.1), ("ions", -1.0)):
        with pytest.raises(InputError, match=f"--{name} .* is not between"):
            check_box(ComplexRequest(*LOST, Path("c"), **{name: value}))
