# SPDX-License-Identifier: MIT
"""Does what `merrow sander` and `merrow serve` recommend help?

Each row: what is refused, what the message recommends, and the same done. Remedies of the input
itself are in tests/unit/mdin/test_mdin_remedies.py.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helped import helped
from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.sander.files import FIELD, SYMBOL, read_geometry
from merrow.sander.input import read_input, write_input
from merrow.sander.models import Job, Models, file_states
from merrow.sander.run import SanderRun, _check_box, _input
from merrow.sander.scratch import read_arguments, refuse_ranks
from merrow.sander.server import ModelServer, listens

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
CNTRL = " &cntrl imin=0, irest=1, ntx=5, nstlim=10, dt=0.001, ntb=1, cut=9.0, {more} /\n"
QMMM = " &qmmm qmmask=':1', qm_theory='EXTERN', qmmm_int=5, {more} /\n"
MLP = " &mlp animask=':1', potential='mm', {more} /\n"
XYZ = f"1\n\n{'H':<{SYMBOL}}" + 3 * f"{0.0:{FIELD}.5f}" + "\n"


def arguments(*words):
    """Return a way to read a command line."""

    def read():
        for name in ("mdin", "prmtop", "inpcrd", "there"):
            Path(name).write_text(name)
        return read_arguments(list(words), Path.cwd())

    return read


def both(*runs):
    """Do one thing after the other."""
    for run in runs:
        run()


def ranks(**environment):
    """Return a way to be started in an environment."""
    return lambda: refuse_ranks(environment)


def net_charge(told, found):
    """Return a way to write an input that claims a net charge."""
    text = "x\n" + CNTRL.format(more="ifqnt=1") + QMMM.format(more=f"qmcharge={told}")
    return lambda: write_input(read_input(text, source="mdin"), atoms=(1, 2), charge=found)


def precision(word):
    """Return a way to ask for a precision."""

    def read():
        text = "x\n" + CNTRL.format(more="ifmlp=1") + MLP.format(more="")
        Path("mdin").write_text(text)
        for name in ("prmtop", "inpcrd"):
            Path(name).write_text(name)
        run = SanderRun(words=("-O",), folder=Path.cwd(), precision=word)
        return _input(run, read_arguments(["-O"], Path.cwd()))

    return read


def geometry(job):
    """Return a way to read what sander writes for ORCA."""

    return lambda: read_geometry(f"{job}\n*xyzfile 0 1 inpfile.xyz\n", XYZ)


def serving(*paths):
    """Return a way to listen at all of these paths at once."""

    def serve():
        servers = [ModelServer(path, lambda request: None) for path in paths]
        try:
            for server in servers:
                server.start()
        finally:
            for server in servers:
                server.close()

    return serve


def used(path):
    """Use a server that listens instead of beginning another."""
    with ModelServer(path, lambda request: None):
        assert listens(path)


def open_to_all(path):
    """Return a way to listen in a folder that others may enter."""

    def serve():
        path.parent.mkdir(exist_ok=True)
        path.parent.chmod(0o755)
        return serving(path)()

    return serve


def changed(touch):
    """Return a way to open the model of a job whose file changed since it began, or did not."""

    def open_it():
        path = Path("mine.prmtop")
        path.write_text((SYSTEMS / "methane.prmtop").read_text())
        job = Job(
            prmtop=str(path), atoms=tuple(range(5)), potential="mm", files=file_states(str(path))
        ).model_dump_json()
        if touch:
            os.utime(path, ns=(1, 1))
        return Models().open(job)

    return open_it


def box(*, ntb, prmtop=False, lengths=False):
    """Return a way to look for the box of methane: in prmtop, in coordinates, in both."""

    def look():
        topology = replace(read_topology(SYSTEMS / "methane.prmtop"), has_box=prmtop)
        edges = {"lengths": np.full(3, 30.0), "angles": np.full(3, 90.0)} if lengths else {}
        x = read_coordinates(SYSTEMS / "methane.inpcrd").positions
        text = f"x\n &cntrl ntb={ntb}, ifmlp=1 /\n{MLP.format(more='')}"
        wanted = read_input(text, source="mdin")
        _check_box(wanted, topology, Coordinates(x, **edges), Path("inpcrd"))

    return look


def rows(private):
    """Return all rows; `private` is a folder with a short path."""
    one, other = private / "socket", private / "another"
    return [
        (arguments("-A"), "cannot be distinguished: use -O", arguments("-O")),
        (
            arguments("-o", "there"),
            "add -O to overwrite it",
            arguments("-O", "-o", "there"),
        ),
        (
            arguments("-ng", "2", "-O"),
            "run one serial `merrow sander` for each copy",
            lambda: both(arguments("-O", "-o", "a"), arguments("-O", "-o", "b")),
        ),
        (
            ranks(OMPI_COMM_WORLD_SIZE="4"),
            "start one without mpirun",
            ranks(),
        ),
        (
            ranks(OMPI_COMM_WORLD_SIZE="4"),
            "or unset OMPI_COMM_WORLD_SIZE if each",
            ranks(),
        ),
        (net_charge(1, 0), "correct one of them", net_charge(0, 0)),
        (precision("half"), "use float32 or float64", precision("float64")),
        (geometry(""), "use maxcyc=1, not 0", geometry("! ENGRAD")),
        (
            serving(private / ("x" * 120)),
            "choose a shorter one",
            serving(one),
        ),
        (serving(one, one), "another model server listens at", serving(one, other)),
        (serving(one, one), ": use it, or", lambda: used(one)),
        (serving(one, one), "or choose another path", serving(one, other)),
        (
            open_to_all(private / "open" / "socket"),
            "choose one that is yours alone, such as --socket",
            serving(private / "open" / f"merrow-{os.getuid()}" / "socket"),
        ),
        (changed(True), "begin it anew", changed(False)),
        (box(ntb=1, prmtop=True), "(ntb is not 0), but", box(ntb=1, prmtop=True, lengths=True)),
        (box(ntb=1), "has none; use ntb=0", box(ntb=0)),
        (
            box(ntb=1),
            "or give a prmtop and coordinates with a box",
            box(ntb=1, prmtop=True, lengths=True),
        ),
        (
            box(ntb=1, lengths=True),
            "say ntb=0 for a run without a box",
            box(ntb=0, lengths=True),
        ),
    ]


N_ROWS = 18


@pytest.mark.parametrize("number", range(N_ROWS))
def test_what_is_recommended_is_taken(number, private, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    every = rows(private)
    assert len(every) == N_ROWS
    helped(*every[number])
