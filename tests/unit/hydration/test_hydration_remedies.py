# SPDX-License-Identifier: MIT
"""Does what a hydration run, its folder and its results recommend help?

Each row: what is refused, what the message recommends, and the same done. Those that a command
line shows at once are in tests/cli/test_command_remedies.py.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import parmed
import pytest

from helped import helped
from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.ambertools.solvent import solvate
from merrow.errors import InputError
from merrow.files import digest
from merrow.folders import check_new, occupied, resumes
from merrow.free_energy.schedule import gauss_legendre_weights, legs, weights
from merrow.free_energy.spacing import LegLength, equal_steps
from merrow.hydration.config import HydrationConfig, Source
from merrow.hydration.measured import read_expt, value_in_table
from merrow.hydration.prepare import (
    charge_model,
    check_source,
    check_unchanged,
    resolve_config,
)
from merrow.hydration.result import read_result
from merrow.hydration.run import check_hydration
from merrow.hydration.run_folder import RunFolder, read_run_file
from merrow.hydration.state import PotentialIdentity, PreparedInfo
from merrow.locks import locked
from merrow.samples import LambdaState

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
CONFIG = HydrationConfig(source=Source(kind="smiles", smiles="CO"))
TABLE = "smiles,expt_kcal\nCO,-5.1\n"


def source(kind, prmtop, inpcrd, **changes):
    """Return a run of AMBER files, by the MM terms."""
    found = Source(kind=kind, prmtop=str(prmtop), inpcrd=str(inpcrd), charges="prmtop")
    small = CONFIG.protocol.model_copy(update={"cutoff_angstrom": 6.0, "route": "direct"})
    return HydrationConfig(source=found, potential="mm", protocol=small, **changes)


def gas(kind="gas", **changes):
    """Return a run of methane."""
    return source(kind, SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd", **changes)


def wet(*, box=True):
    """Return a run of methane in water, whose coordinates may lack their box."""
    files = [SYSTEMS / f"methane{end}" for end in (".prmtop", ".inpcrd")]
    prmtop, inpcrd = solvate(*files, folder=Path("wet"), n_waters=300)
    if not box:
        write_restart(inpcrd, Coordinates(read_coordinates(inpcrd).positions))
    return source("solvated", prmtop, inpcrd)


def pair(mask=None):
    """Check an ester and an ether in water."""
    files = [SYSTEMS / f"complex{end}" for end in (".prmtop", ".inpcrd")]
    found = source("solvated", *solvate(*files, folder=Path("pair"), n_waters=1200))
    update = {"source": found.source.model_copy(update={"ml_mask": mask})}
    return checked(found.model_copy(update=update))


def boxed():
    """Return a run of methane whose gas-phase prmtop has a box."""
    parm = parmed.load_file(str(SYSTEMS / "methane.prmtop"), str(SYSTEMS / "methane.inpcrd"))
    parm.box = [40.0, 40.0, 40.0, 90.0, 90.0, 90.0]
    parm.save("b.prmtop", overwrite=True)
    parm.save("b.rst7", overwrite=True)
    return source("gas", "b.prmtop", "b.rst7")


def checked(config):
    """Check the source of a run."""
    return check_source(config, Path.cwd())


def smiles(text):
    """Check a molecule, before programs and weights are looked for."""
    config = HydrationConfig(source=Source(kind="smiles", smiles=text))
    return check_hydration(config, Path.cwd(), with_weights=False)


def resolved(prmtop="methane.prmtop", inpcrd="methane.inpcrd"):
    """Copy the input of methane to some names and resolve it."""
    for name, end in ((prmtop, ".prmtop"), (inpcrd, ".inpcrd")):
        Path(name).parent.mkdir(exist_ok=True)
        if "lost" not in name:
            shutil.copy(SYSTEMS / f"methane{end}", name)
    return resolve_config(source("gas", prmtop, inpcrd), Path.cwd(), RunFolder(Path("run")))


def kept(repeats=3):
    """Return a folder of a run of so many repeats."""
    run = RunFolder(Path("run"))
    run.save_config(CONFIG.model_copy(update={"repeats": repeats}))
    return run


def repeats(number, out="run"):
    """Ask for so many repeats in a folder that holds three."""
    kept()
    return RunFolder(Path(out)).holds(CONFIG.model_copy(update={"repeats": number}))


def state(text=None, *, sampled=False):
    """Read a state after its file was changed, or deleted, of a run with samples or without."""
    run = kept()
    if sampled:
        run.tasks.mkdir(exist_ok=True)
    run.save(PotentialIdentity(identity="ani2x:1"))
    path = next(run.path.glob("**/potential.json"))
    path.unlink() if text is None else path.write_text(text(path.read_text()))
    return run.read(PotentialIdentity)


def identity(name, out="run"):
    """Go on with a run that was sampled with ani2x:1."""
    run = kept()
    run.save(PotentialIdentity(identity="ani2x:1"))
    RunFolder(Path(out)).check_identity(name)


def system(*, damaged, begun="run"):
    """Go on with a run of which a bit has flipped in the prmtop."""
    run = RunFolder(Path("run"))
    run.system.mkdir(parents=True, exist_ok=True)
    for path in (run.prmtop, run.inpcrd):
        path.write_text("sound")
    info = PreparedInfo.model_construct(files={run.prmtop.name: digest(run.prmtop)})
    if damaged:
        run.prmtop.write_text("sounD")
    if begun == "run":
        check_unchanged(run, info)
    else:
        assert not RunFolder(Path(begun)).holds(CONFIG)


def result(change):
    """Read a result after a change of its text."""
    Path("result.json").write_text(change(json.dumps({"schema_version": 1})))
    try:
        return read_result(Path("result.json"))
    except InputError as error:
        if "schema_version" in str(error) or "JSON" in str(error):
            raise
        return None  # another refusal: what was recommended was taken


def rerun():
    """Begin a run again where a result of another version is."""
    result(lambda text: text)
    assert not RunFolder(Path("anew")).holds(CONFIG)


def measured(text, molecule):
    """Look a molecule up."""
    Path("t.csv").write_text(text)
    return value_in_table(Path("t.csv"), molecule)


def folder(out, *, by="run.yaml"):
    """Begin work in a folder, of which `full` holds something else."""
    Path("full").mkdir(exist_ok=True)
    Path("full/notes").write_text("mine")
    return occupied(Path(out), by, "merrow run")


def other(out):
    """Begin work in a folder that may hold other work."""
    Path("work").mkdir(exist_ok=True)
    Path("work/run.yaml").write_text("a")
    return resumes(Path(out), "run.yaml", "run", asked={"x": 2}, read=lambda _: {"x": 1})


def working(out):
    """Work in a folder while another process works in `busy`."""
    with locked(Path("busy")), locked(Path(out)):
        pass


def after(out):
    """Work in a folder after the other process has ended."""
    with locked(Path("busy")):
        pass
    with locked(Path(out)):
        pass


def under_file(out):
    """Work in a folder below a file."""
    Path("file").write_text("")
    with locked(Path(out)):
        pass


def path_of(*states):
    """Return the legs of a schedule."""
    return legs([LambdaState(*one) for one in states])


def rule(name):
    """Return the weights of a rule."""
    return weights([LambdaState(1.0, 1.0), LambdaState(0.0, 1.0)], name)


def steps(number):
    """Return equal steps of a leg."""
    return equal_steps(LegLength("charging", np.array([1.0, 0.0]), np.array([1.0])), number)


RUNS = [
    (
        lambda: smiles("O"),
        "give a solvated prmtop and --ml-mask",
        lambda: checked(wet()),
    ),
    (
        lambda: checked(wet(box=False)),
        "give coordinates that end with their box",
        lambda: checked(wet()),
    ),
    (
        lambda: checked(gas("solvated")),
        "add `--solvate tip3p`",
        lambda: checked(gas()),
    ),
    (lambda: checked(boxed()), "leave out --solvate", lambda: checked(wet())),
    (
        lambda: checked(boxed()),
        "or give the gas-phase prmtop of one molecule",
        lambda: checked(gas()),
    ),
    (
        lambda: check_hydration(gas(weights="w.pt"), Path.cwd()),
        "leave out --weights",
        lambda: check_hydration(gas(), Path.cwd()),
    ),
    (pair, "say which one is the solute with --ml-mask", lambda: pair(":GST")),
    (
        lambda: smiles("CC(=O)[O-]"),
        "ask for its neutral form",
        lambda: smiles("CC(=O)O"),
    ),
    (lambda: resolved("lost.prmtop"), "correct the path", resolved),
    (
        lambda: resolved("a/m.top", "b/m.top"),
        "rename one of them",
        lambda: resolved("a/m.top", "b/m.crd"),
    ),
    (
        lambda: charge_model(gas().source),
        "source with a prmtop; use bcc or abcg2",
        lambda: charge_model(CONFIG.source),
    ),
]
FOLDERS = [
    (lambda: repeats(1), "ask for as many", lambda: repeats(3)),
    (lambda: repeats(1), "or choose another --out", lambda: repeats(1, "new")),
    (lambda: state(lambda text: text[:-3]), "); delete it and run again", state),
    (
        lambda: state(lambda text: text.replace("ani2x:1", "ani2x:2")),
        "checksum is wrong); delete it and run again",
        state,
    ),
    (
        lambda: state(lambda text: text[:-3], sampled=True),
        "restore it, or begin again in another --out",
        lambda: state(str, sampled=True),
    ),
    (
        lambda: identity("ani2x:2"),
        "give the original weights",
        lambda: identity("ani2x:1"),
    ),
    (
        lambda: identity("ani2x:2"),
        "or another --out",
        lambda: identity("ani2x:2", "new"),
    ),
    (lambda: system(damaged=True), "restore it", lambda: system(damaged=False)),
    (
        lambda: system(damaged=True),
        "or begin again in another --out",
        lambda: system(damaged=True, begun="new"),
    ),
    (
        lambda: read_run_file(Path("lost/run.yaml")),
        "give a run folder, or its run.yaml",
        lambda: read_run_file(kept().run_file),
    ),
    (lambda: result(lambda text: text[:-1]), "give a result.json", lambda: result(str)),
    (
        lambda: result(lambda text: text.replace("1", "0")),
        "read it with the merrow that wrote it",
        lambda: result(str),
    ),
    (lambda: result(lambda text: text.replace("1", "0")), "or run again", rerun),
    (
        lambda: measured(TABLE, None),
        "give its value, such as --expt -5.1",
        lambda: measured(TABLE, "CO"),
    ),
    (
        lambda: measured(TABLE, "CC"),
        "has no molecule CC; give its value, such as --expt -5.1",
        lambda: measured(f"{TABLE}CC,1.8\n", "CC"),
    ),
    (
        lambda: measured(f"{TABLE}OC,-5.2\n", "CO"),
        "with other values; keep one",
        lambda: measured(TABLE, "CO"),
    ),
    (lambda: read_expt("-5,1"), "give it as -5.1, or as", lambda: read_expt("-5.1")),
    (lambda: read_expt("-5,1"), ", or as -5.0,1", lambda: read_expt("-5.0,1")),
    (
        lambda: measured("smiles,expt,expt_kcal\nCO,-5,-5\n", "CO"),
        "columns expt and expt_kcal; keep one",
        lambda: measured(TABLE, "CO"),
    ),
    (
        lambda: folder("full"),
        "no merrow run; choose another --out",
        lambda: folder("new"),
    ),
    (lambda: other("work"), "here; choose another --out", lambda: other("new")),
    (
        lambda: (folder("new"), check_new(Path("full"))),
        "is not an empty folder; choose another --out",
        lambda: check_new(Path("new")),
    ),
    (lambda: under_file("file/run"), "); choose another --out", lambda: under_file("new")),
    (lambda: working("busy"), "wait for it", lambda: after("busy")),
    (lambda: working("busy"), "or choose another --out", lambda: working("new")),
]
SCHEDULES = [
    (
        lambda: path_of((0.0, 1.0), (1.0, 1.0)),
        "list (elec, lj) from coupled to decoupled",
        lambda: path_of((1.0, 1.0), (0.0, 1.0)),
    ),
    (
        lambda: rule("simpson"),
        "use 'trapezoid' or 'gauss-legendre'",
        lambda: rule("trapezoid"),
    ),
    (
        lambda: gauss_legendre_weights("charging", [0.3]),
        "or use rule trapezoid",
        lambda: rule("trapezoid"),
    ),
    (lambda: steps(0), "ask for one or more", lambda: steps(1)),
]


@pytest.mark.parametrize("row", RUNS + FOLDERS + SCHEDULES, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    helped(*row)
