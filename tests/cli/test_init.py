# SPDX-License-Identifier: MIT
"""Do the files that `merrow init` prints run as they are, and do shells complete?"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from short_runs import short_run

from merrow.campaign.rows import read_rows
from merrow.cli.init import BEGINNINGS

needs_mmpbsa = pytest.mark.skipif(
    shutil.which("MMPBSA", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}") is None,
    reason="no AmberTools",
)


def printed(merrow, task):
    """Print the file of a task under its usual name, and return its path."""
    answer = merrow("init", task)
    assert (answer.code, answer.err) == (0, "")
    assert max(map(len, answer.out.splitlines())) <= 120 or task == "hydration"
    path = Path(BEGINNINGS[task])
    path.write_text(answer.out)
    return path


def command(path, verb):
    """Return the words of the one command that a script runs."""
    text = path.read_text().replace("\\\n", " ")
    (line,) = (one for one in text.splitlines() if one.startswith(f"merrow {verb}"))
    return line.split()[1:]


def test_md_runs_as_it_is_on_a_ligand_in_water(merrow, files, monkeypatch):
    path = printed(merrow, "md")
    text = path.read_text().replace("nstlim=1000", "nstlim=4").replace("ntpr=100", "ntpr=2")
    path.write_text(text.replace("'ani2x'", "'ani1ccx'"))  # the stand-in that knows methane
    shutil.copy(files["wet"], "prmtop")
    shutil.copy(files["wet_crd"], "inpcrd")
    answer = merrow("md", "-O", "-i", path, "-p", "prmtop", "-c", "inpcrd")
    assert answer.code == 0, answer.err
    assert "4 steps" in answer.out


def test_a_campaign_is_a_table_with_comments_above_its_header(merrow):
    path = printed(merrow, "campaign")
    rows = read_rows(path, {})
    assert [row.name for row in rows] == ["methane", "methanol", "acetone"]
    assert all(row.problem is None and row.experiment for row in rows)
    lines = path.read_text().splitlines()
    assert lines[rows[0].line - 1].startswith("methane,C,")  # messages name lines of the file
    words = ("--potential", "mm", "--executor", "serial", "--max-time", "0.0001")
    answer = merrow("campaign", "run", path, *words, "--out", "set")
    assert answer.code == 3, answer.err  # everything is sound, and the time is up


@needs_mmpbsa
def test_mmpbsa_runs_as_it_is(merrow, systems):
    path = printed(merrow, "mmpbsa")
    shutil.copy(systems / "complex.prmtop", "complex.prmtop")
    short_run(systems / "complex.prmtop", systems / "complex.inpcrd", Path("run.nc"), frames=10)
    words = [":GST" if word == ":LIG" else word for word in command(path, "mmpbsa")]
    answer = merrow(*words)
    assert answer.code == 0, answer.err
    assert Path("binding/mmpbsa.html").exists()


@pytest.mark.slow
def test_a_complex_is_prepared_as_it_is(merrow, systems):
    path = printed(merrow, "complex")
    lines = (systems / "helix.pdb").read_text().splitlines(keepends=True)
    Path("protein.pdb").write_text("".join(line for line in lines if " CL " not in line))
    shutil.copy(systems / "helix_ligand.sdf", "ligand.sdf")
    answer = merrow(*command(path, "prepare"))
    assert answer.code == 0, answer.err
    for named in ("complex/solvated.prmtop", "complex/solvated.inpcrd"):
        assert named in path.read_text()
        assert Path(named).exists()


def test_what_cannot_be_begun_is_refused_with_what_can(merrow):
    answer = merrow("init", "coffee")
    assert answer.code == 2
    assert "`merrow init md`" in answer.err


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(merrow, shell):
    assert "_MERROW_COMPLETE" in merrow("completion", shell).out
    if shell == "bash":
        code = "import sys; from merrow.cli.main import main; sys.argv = ['merrow']; main()"
        asked = {"_MERROW_COMPLETE": "complete_bash", "COMP_CWORD": "1", "COMP_WORDS": "merrow hy"}
        program = [sys.executable, "-c", code]
        done = subprocess.run(
            program, env=os.environ | asked, capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["hydration"]


def test_an_unknown_shell_is_refused(merrow):
    answer = merrow("completion", "csh")
    assert answer.code == 2
    assert "use bash, zsh or fish" in answer.err
