# SPDX-License-Identifier: MIT
"""Does sander in a scratch folder find the user's files, and do its own come home?

Here a small script stands for sander's executable, so that what it reads and writes is known.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from pathlib import Path

import pytest

from merrow.errors import InputError, MerrowError, UnsupportedPhysicsError
from merrow.sander import scratch as sander_scratch
from merrow.sander.scratch import read_arguments, run_sander, scratch_folder

TEXT = "x\n &cntrl /\n &wt type='END' /\nDISANG=../far/d.RST\nDUMPAVE=new/dump.dat\nLISTIN=in.dat\n"


@pytest.fixture
def folder(tmp_path):
    """A user's folder with what a run needs."""
    here = tmp_path / "here"
    (here / "new").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "d.RST").write_text("restraints")
    for name in ("mdin", "prmtop", "inpcrd", "in.dat", "COLVAR"):
        (here / name).write_text(name)
    return here


@pytest.fixture
def run(folder, tmp_path, monkeypatch):
    """Run a shell script in place of sander."""

    def start(script, *words):
        program = tmp_path / "program"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        monkeypatch.setattr(sander_scratch, "find_program", lambda name: program)
        with scratch_folder() as scratch:
            run_sander(
                read_arguments(["-O", *words], folder),
                TEXT,
                folder=folder,
                scratch=scratch,
                socket=scratch / "socket",
                job="job",
            )
        return scratch

    return start


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_users_files_are_read_and_new_ones_come_home(run, folder):
    before = names(folder)
    scratch = run(
        "cat COLVAR prmtop > made; echo x > orc_job.dat; echo x > old.inpfile.xyz\n"
        'grep DISANG "$3" | cut -d= -f2 | xargs cat > restraints\n'
        'grep DUMPAVE "$3" | cut -d= -f2 | (read f; echo dumped > $f)\n'
        "cat in.dat >> made"
    )
    assert (folder / "made").read_text() == "COLVARprmtopin.dat"
    assert (folder / "restraints").read_text() == "restraints"
    assert (folder / "new" / "dump.dat").read_text() == "dumped\n"
    assert names(folder) == sorted([*before, "made", "restraints"])
    assert not scratch.exists()


def test_a_renamed_file_is_renamed_at_home_too(run, folder):
    # PLUMED keeps an old COLVAR as bck.0.COLVAR before it writes a new one.
    run("mv COLVAR bck.0.COLVAR; echo new > COLVAR")
    assert (folder / "bck.0.COLVAR").read_text() == "COLVAR"
    assert (folder / "COLVAR").read_text() == "new\n"


def test_a_restart_appears_only_when_sander_ended_well(run, folder):
    # The stand-in writes it and never asks for an energy, so only its end tells that it is whole.
    run('echo whole > "$MERROW_RESTART"')
    assert (folder / "restrt").read_text() == "whole\n"
    with pytest.raises(MerrowError, match="killed by signal 9"):
        run('echo torn > "$MERROW_RESTART"; kill -9 $$')
    assert (folder / "restrt").read_text() == "whole\n"


def test_numbered_restarts_go_where_the_restart_goes(run, folder):
    run("echo 5 > r.rst7_5", "-r", "new/r.rst7")
    assert (folder / "new" / "r.rst7_5").read_text() == "5\n"


def test_a_failure_of_the_client_is_what_the_user_is_told(run):
    with pytest.raises(MerrowError, match=r"sander was stopped: the reason$"):
        run("echo the reason > merrow_failure; exit 1")


def test_a_killed_client_is_named_and_not_what_sander_made_of_it(run, folder):
    # What sander 24 prints where the file of results is missing.
    with pytest.raises(MerrowError, match=r"the client that asks the model died without an answer"):
        run("echo ' Error reading Orca output from file orc_job.engrad'; exit 1")


def test_other_failures_show_what_sander_said_last(run):
    with pytest.raises(MerrowError, match=r"exit code 7; .*its last output: NetCDF is missing"):
        run("echo NetCDF is missing; exit 7")


def test_folders_of_killed_runs_are_removed_and_those_of_living_ones_kept(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("dead", "alive"):
        (tmp_path / f"merrow-sander-{name}").mkdir()
        (tmp_path / f"merrow-sander-{name}" / "lock").touch()
    lock = os.open(tmp_path / "merrow-sander-alive" / "lock", os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    with scratch_folder() as scratch:
        assert scratch.stat().st_mode & 0o777 == 0o700
        assert names(tmp_path) == sorted(["merrow-sander-alive", scratch.name])
    os.close(lock)
    assert names(tmp_path) == ["merrow-sander-alive"]


@pytest.mark.parametrize("name", sander_scratch.RANKS)
def test_one_of_several_ranks_is_refused_and_a_single_one_is_not(name):
    sander_scratch.refuse_ranks({})
    sander_scratch.refuse_ranks({name: "1"})
    with pytest.raises(UnsupportedPhysicsError, match=r"mpirun started 4 copies"):
        sander_scratch.refuse_ranks({name: "4"})


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (["-O", "-rem", "1"], UnsupportedPhysicsError, r"sander\.MPI"),
        (["-A"], InputError, "use -O"),
        (["-O", "-z"], InputError, "'-z' is no flag"),
        (["-O", "-x"], InputError, "-x needs the name"),
        (["-O", "-ref", "lost"], InputError, "no file .*lost"),
        (["-O", "-r", "lost/r"], InputError, "no folder .*lost"),
        (["-o", "mdin"], InputError, "exists already"),
        (["-O", "-x", "y" * 250], InputError, "longer than sander can hold"),
    ],
)
def test_wrong_flags_are_refused(folder, words, kind, told):
    with pytest.raises(kind, match=told):
        read_arguments(words, folder)


def test_paths_become_absolute_and_silent_flags_get_sanders_names(folder):
    arguments = read_arguments(["-O", "-x", "new/t.nc", "-AllowSmallBox"], folder)
    assert arguments.files["-x"] == folder / "new" / "t.nc"
    assert arguments.files["-o"] == folder / "mdout"
    assert arguments.switches == ("-O", "-AllowSmallBox")
    assert Path(arguments.words()[3]).is_absolute()


def test_sander_reads_the_data_beside_it(run, folder, tmp_path, monkeypatch):
    home = tmp_path.parent
    monkeypatch.setattr(sander_scratch, "with_own_data", lambda _: {"AMBERHOME": str(home)})
    run('echo "$AMBERHOME" > made')
    assert (folder / "made").read_text() == f"{home}\n"
