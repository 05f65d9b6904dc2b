# SPDX-License-Identifier: MIT
"""Does mdout of `merrow md` note what has no effect on this run?"""

from __future__ import annotations

from pathlib import Path

import pytest
from test_bad_input import one_sentence
from test_md_runs import MIN


@pytest.fixture
def md(merrow, files):
    """Run `merrow md` with an input of this text on methane in water."""

    def run(text, *words):
        Path("mdin").write_text(text)
        return merrow("md", "-p", files["wet"], "-c", files["wet_crd"], *words)

    return run


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("potential", "precision='float64', potential", "precision='float64' does nothing here"),
        ("potential", "link_atoms=1, potential", "link_atoms does nothing here: the mask cuts no"),
        (
            "&mlp",
            "&ewald ew_coeff=0.5, dsum_tol=1e-9 /\n &mlp",
            "dsum_tol=1e-09 does nothing here: ew_coeff=0.5 is given",
        ),
    ],
)
def test_what_has_no_effect_on_this_run_is_noted(md, old, new, told):
    assert md(MIN).code == 0
    assert "| Note:" not in Path("mdout").read_text()
    assert md(MIN.replace(old, new, 1), "-O").code == 0
    assert f"| Note: {told}" in Path("mdout").read_text()


def test_reference_coordinates_to_which_nothing_is_held_are_noted(md, files):
    told = one_sentence(md(MIN, "-ref", "lost.rst"))
    assert "there is no file lost.rst (-ref), and without ntr=1 none is read; leave it out" in told
    assert [path.name for path in Path.cwd().iterdir()] == ["mdin"]
    assert md(MIN, "-ref", files["wet_crd"]).code == 0
    assert "| Note: -ref does nothing here: it needs ntr=1." in Path("mdout").read_text()


def test_mdout_says_what_a_text_restart_does_not_hold(merrow, files):
    wet = """NVE
 &cntrl imin=0, {begin}, nstlim=2, dt=0.0005, tempi=300.0, ig=3, ntc=2, ntxo={kind}, ifmlp=1 /
 &mlp animask=':1', potential='ani1ccx' /
"""
    told = ("EMLREL counts from E_ML of this start", "the PME grid follows from the box")
    md = "md", "-O", "-p", files["wet"], "--platform", "CPU", "-c"
    for kind, noted in ((2, False), (1, True)):
        Path("mdin").write_text(wet.format(begin="irest=0", kind=kind))
        assert merrow(*md, files["wet_crd"], "-r", "first").code == 0
        assert not any(words in Path("mdout").read_text() for words in told)
        Path("mdin").write_text(wet.format(begin="irest=1, ntx=5", kind=2).replace("tempi", "t"))
        assert merrow(*md, "first").code == 0
        assert all((words in Path("mdout").read_text()) == noted for words in told)
