# SPDX-License-Identifier: MIT
"""Does what dynamics, the kernels and the devices recommend help?

Each row: what is refused, what the message recommends, and the same done.
"""

from __future__ import annotations

import os
import re
import warnings
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import openmm as mm
import pytest

from helped import helped
from merrow.amber.coordinates import Coordinates, read_coordinates
from merrow.amber.topology import read_topology
from merrow.bench.figure import check_plot
from merrow.cli.mmpbsa import _methods
from merrow.engine.dynamics import DynamicsPlan, check_plan
from merrow.engine.simulation import choose_platform
from merrow.md.box import cell_of
from merrow.md.from_mdin import read_md_settings
from merrow.md.restraints import restraint_forces
from merrow.md.setup import MdInputs, _check_structure, _region, _state
from merrow.md.simulate import plan_simulation
from merrow.md.simulate_config import SimulationConfig
from merrow.mdin.model_numbers import numbered_potential
from merrow.native import best_isa, usable
from merrow.potentials import Molecule
from merrow.potentials.device import device_name, on_device
from merrow.process import use_one_thread
from merrow.system.build import HybridSystem
from merrow.system.region import MLRegion, select_region

SYSTEMS = Path(__file__).resolve().parents[2] / "data" / "systems"
FILES = SYSTEMS / "methane.prmtop", SYSTEMS / "methane.inpcrd"
MDIN = """title
 &cntrl imin=0, nstlim=2, dt=0.0005, ntb=0, tempi=300.0, ifmlp=1 {more} /
 &mlp animask={mask}, potential='mm' /
"""
PLAN = {"temperature": 300.0, "friction": 1.0, "timestep": 0.0005, "pressure": None}
PLAN |= {"coupling_time": 1.0, "com_removal_interval": 10, "constraint_tolerance": 1e-6}
PLAN |= {"platform": "Reference", "seed": 1}
DISANG = " &rst iat=1,2, r1=0.0, r2=1.0, r3=1.2, r4=3.0, rk2=1.0, rk3=1.0 /\n"


def settings(more="", mask="':1'", *, binary=False):
    """Read an input."""
    text = MDIN.format(more=more, mask=mask)
    Path("mdin").write_bytes(b"CDF\0" if binary else text.encode())
    return read_md_settings("mdin")


def restrained(name):
    """Make the restraints of a file that DISANG names."""
    Path("RST").write_text(DISANG)
    asked = SimpleNamespace(restraint_mask=None, restraint_file=name)
    return restraint_forces(asked, topology(), refc=None, cell=None)


def apart(least, edge):
    """Keep two molecules apart in a cubic box."""
    rst = f" &rst iat=1,30, r1=0.0, r2={least}, r3=9.0, r4=99.0, rk2=1.0, rk3=1.0 /\n"
    Path("RST").write_text(rst)
    asked = SimpleNamespace(restraint_mask=None, restraint_file="RST")
    box = np.full(3, edge), np.full(3, 90.0)
    cell = cell_of(Coordinates(np.zeros((1, 3)), None, *box))
    return restraint_forces(asked, read_topology(SYSTEMS / "complex.prmtop"), refc=None, cell=cell)


def topology():
    """Return methane's topology."""
    return read_topology(FILES[0])


def structure(shift):
    """Check methane after a hydrogen has been moved to another place."""
    found = topology()
    x = read_coordinates(FILES[1]).positions.copy()
    if shift == "onto":
        x[2] = x[1] + 0.05
    elif shift == "away":
        x[1] += 10.0
    inputs = MdInputs(found, FILES[1])
    return _check_structure(inputs, select_region(found, ":1"), Coordinates(x))


def coupled(more):
    """Return the coupling state of an input."""
    found = topology()
    return _state(settings(f", icfe=1{more}"), found, select_region(found, ":1"))


def onward(mask):
    """Find the ML region of an input that goes on with a run."""
    inputs = MdInputs(topology(), FILES[1])
    asked = SimpleNamespace(goes_on=True, ml=SimpleNamespace(mask=mask, link_atoms=False))
    return _region(asked, inputs, read_coordinates(FILES[1]), periodic=False)


def simulated(prmtop):
    """Plan a simulation of a prmtop."""
    asked = {"prmtop": str(prmtop), "inpcrd": "x.rst7", "ml_mask": ":1", "potential": "mm"}
    return plan_simulation(SimulationConfig.checked(asked, source="simulate.yaml"), Path("sim"))


def wet():
    """Return methane in water."""
    from merrow.ambertools.solvent import solvate  # noqa: PLC0415  (OpenMM's box of water)

    return solvate(*FILES, folder=Path("wet"), n_waters=300)[0]


def numbered(folder, number=0):
    """Ask for a model with a folder of the original program's files."""
    environment = {} if folder is None else {"MODEL_PATH": folder}
    return numbered_potential("mdin", number, [], environment)


def put_there():
    """Put the file where it is looked for."""
    Path("models").mkdir()
    try:
        return numbered("models")
    except Exception as error:
        name = str(error).split(" names ")[1].split(" in ")[0]
        (Path("models") / name).write_text("a model")
    return numbered("models")


def held():
    """Set the variable to a folder that holds the file of model 2."""
    Path("xnr").mkdir()
    (Path("xnr") / "ani1_xnr.pt").write_text("a model")
    return numbered("xnr", 2)


def set_to(variable, value):
    """Set a variable of the environment, or unset it."""
    os.environ.pop(variable, None)
    if value is not None:
        os.environ[variable] = value


def kernel(value):
    """Ask for a kernel with MERROW_NATIVE set."""
    set_to("MERROW_NATIVE", value)
    return usable((SimpleNamespace(), ""), "kernel")


def isa(value):
    """Ask for an instruction set."""
    set_to("MERROW_NATIVE_ISA", value)
    return best_isa(lambda name: name in (b"avx2", b"baseline"))


def device(run, variable):
    """Go on with a run whose networks computed on a device."""
    set_to("MERROW_DEVICE", variable)
    with on_device(run) if run else nullcontext():
        return device_name()


def one_atom(thermostat):
    """Check a plan for a system of a single atom."""
    system = mm.System()
    system.addParticle(12.0)
    region = MLRegion((0,), Molecule((6,)), (":1@C",))
    hybrid = HybridSystem(system, region, 0.0, None, periodic=False)
    removal = 10 if thermostat == "bussi" else 0
    changes = {"thermostat": thermostat, "com_removal_interval": removal}
    check_plan(DynamicsPlan(**(PLAN | changes)), hybrid)


def plot(name):
    """Ask for a picture."""
    return check_plot(Path(name))


def made(folder):
    """Make a folder, and ask for a picture in it."""
    Path(folder).mkdir()
    return plot(f"{folder}/p.svg")


ROWS = [
    (
        lambda: settings(binary=True),
        "give a sander input with -i",
        settings,
    ),
    (lambda: restrained("lost"), "DISANG names; correct the path", lambda: restrained("RST")),
    (lambda: apart(7.0, 12.0), "; lower r2", lambda: apart(5.0, 12.0)),
    (lambda: apart(7.0, 12.0), "or take a larger box", lambda: apart(7.0, 15.0)),
    (
        lambda: structure("onto"),
        "on each other (0.087 Å); repair the structure",
        lambda: structure(""),
    ),
    (lambda: structure("away"), "; repair the structure", lambda: structure("")),
    (lambda: coupled(""), "or add crgmask to this one", lambda: coupled(", crgmask=':1'")),
    (
        lambda: coupled(""),
        "so give the file of V1",
        lambda: coupled(", clambda=0.5, crgmask=':1'"),
    ),
    (
        lambda: coupled(", crgmask=':1@C1'"),
        "give it the mask of animask",
        lambda: coupled(", crgmask=':1'"),
    ),
    (lambda: onward(":1<:3.0"), "to continue, name the atoms themselves", lambda: onward("@1-5")),
    (lambda: simulated(FILES[0]), "has no box: give the solvated system", lambda: simulated(wet())),
    (lambda: numbered("lost"), "put it there", put_there),
    (
        lambda: numbered("lost"),
        "or unset MODEL_PATH for our own",
        lambda: numbered(None),
    ),
    (lambda: numbered(None, 2), "set MODEL_PATH to the folder that holds it", held),
    (
        lambda: numbered(None, 2),
        "holds it, or choose another model",
        lambda: numbered(None),
    ),
    (lambda: numbered("lost", 2), "or choose another model", lambda: numbered(None)),
    (lambda: kernel("0"), "unset it to use the kernel", lambda: kernel(None)),
    (lambda: isa("avx1024"), "choose one of avx2, baseline", lambda: isa("avx2")),
    (lambda: device("cuda:77", None), "go on where it is", lambda: device("cpu", None)),
    (
        lambda: device("cuda:77", None),
        "or set MERROW_DEVICE=cpu to continue on the processor",
        lambda: device("cuda:77", "cpu"),
    ),
    (lambda: one_atom("bussi"), "nothing to heat; use ntt = 3", lambda: one_atom("langevin")),
    (lambda: plot("p.png"), "give a name that ends in .svg", lambda: plot("p.svg")),
    (lambda: plot("new/p.svg"), "make its folder", lambda: made("new")),
    (lambda: plot("new/p.svg"), "or rename it", lambda: plot("p.svg")),
    (lambda: _methods("nmode"), "use gb, pb or gb,pb", lambda: _methods("gb,pb")),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(row, tmp_path, monkeypatch):
    for name in ("MERROW_NATIVE", "MERROW_NATIVE_ISA", "MERROW_DEVICE"):
        monkeypatch.setenv(name, "1")  # so that it is as it was after the test
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    helped(*row)


def test_one_thread_is_used_as_the_warning_says(monkeypatch):
    monkeypatch.setenv("OPENMM_CPU_THREADS", "2")
    remedy = "call merrow.process.use_one_thread() first"
    with pytest.warns(UserWarning, match=re.escape(remedy)):
        choose_platform("CPU")
    use_one_thread()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        choose_platform("CPU")
