# SPDX-License-Identifier: MIT
"""Does the identity hold with sander's own features, and is the energy of ML/MM conserved?"""

from __future__ import annotations

import re
import subprocess
import threading
from pathlib import Path

import numpy as np
import pytest
from sander_runs import MD, TOLUENE, exact, make_sander_box, ml, mm, printed, values
from test_sander_parity import ELEC, VDW

from merrow.amber.coordinates import read_coordinates
from merrow.ambertools.programs import find_program
from merrow.api.energies import energy
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.md.setup import MdOutputs
from merrow.sander import scratch as sander_scratch
from merrow.sander.models import Models
from merrow.sander.server import ModelServer

pytestmark = [pytest.mark.usefixtures("sander"), pytest.mark.slow]


@pytest.fixture(scope="module")
def toluene(systems, tmp_path_factory):
    """Toluene in 250 waters."""
    folder = tmp_path_factory.mktemp("toluene")
    source = systems / f"{TOLUENE}.prmtop"
    return make_sander_box(exact(source, folder), source.with_suffix(".inpcrd"), folder, 250)


HEAT = "ntt=3, gamma_ln=2.0, temp0=300.0, ig=5"
# Where bonds of the region are not constrained, MM must leave the same bonds alone.
FREE = "noshakemask=':1', "
CASES = {
    "Langevin, no SHAKE": (f"{MD}, {HEAT}", "", ""),
    "SHAKE outside of the region": (f"{MD}, {HEAT}, ntc=2, ntf=2", FREE, ""),
    "SHAKE in the region too": (f"{MD}, {HEAT}, ntc=2, ntf=2", "", ", mlp_shake=1"),
    "Monte Carlo barostat": (f"{MD}, {HEAT}, ntp=1, barostat=2, mcbarint=2", "", ""),
    "minimisation": ("imin=1, maxcyc=10, ncyc=5, ntpr=1, cut=8.0, ntb=1", "", ""),
    "wrapped trajectory": (f"{MD}, iwrap=1, ntwr=2", "", ""),
    "Ewald settings": (f"{MD} /\n &ewald order=6, netfrc=0, nfft1=32, nfft2=32, nfft3=32", "", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_mm_as_ml_prints_what_mm_prints(toluene, tmp_path, case):
    cntrl, only_mm, only_ml = CASES[case]
    cntrl = cntrl.replace("ntb=1", "ntb=2") if "ntp=1" in cntrl else cntrl
    if "/" in cntrl:  # the second namelist is given behind the first one
        cntrl, _, ewald = cntrl.partition(" /\n")
        ewald += " /\n"
    else:
        ewald = ""
    theirs = mm(tmp_path, only_mm + cntrl, toluene.files, ewald)
    mlp = f"animask=':1', potential='mm', precision='float64'{only_ml}"
    ours = ml(tmp_path, cntrl, toluene.files, ewald, mlp=mlp)
    assert printed(ours) == printed(theirs)
    assert len(printed(ours)) >= 10


def test_the_identity_holds_in_vacuum(toluene, tmp_path):
    cntrl = "imin=0, irest=0, ntx=1, tempi=300.0, ig=5, nstlim=10, dt=0.0005, ntpr=1, cut=999.0"
    files = ["-p", toluene.gas, "-c", toluene.gas_inpcrd]
    theirs = mm(tmp_path, f"{cntrl}, ntb=0, igb=0", files)
    assert printed(ml(tmp_path, f"{cntrl}, ntb=0, igb=0", files)) == printed(theirs)


def test_the_identity_holds_for_a_stored_trajectory(toluene, tmp_path):
    mm(tmp_path, f"{MD}, ntwx=2, ioutfm=1", toluene.files, name="made")
    files = [*toluene.files, "-y", "made.nc"]
    cntrl = "imin=5, maxcyc=1, ntpr=1, cut=8.0, ntb=1"
    ours = ml(tmp_path, cntrl, files)
    assert printed(ours) == printed(mm(tmp_path, cntrl, files))
    last = energy(toluene.prmtop, tmp_path / "made.rst7", potential="mm", cutoff=8.0)
    total = float(re.findall(r"^ +\d+ +(-\S+E\+\d+)", ours, re.MULTILINE)[-1])  # five digits
    assert total == pytest.approx(last.total, abs=0.15), "with the tail, as sander"


def test_the_client_in_python_does_the_same(toluene, tmp_path, monkeypatch):
    monkeypatch.setattr(sander_scratch, "COMPILED_CLIENT", Path("not-there"))
    assert printed(ml(tmp_path, MD, toluene.files)) == printed(mm(tmp_path, MD, toluene.files))


def test_one_server_serves_several_runs_at_once(toluene, tmp_path):
    theirs = printed(mm(tmp_path, MD, toluene.files))
    found = {}

    def run(i, server):
        folder = tmp_path / str(i)
        folder.mkdir()
        found[i] = printed(ml(folder, MD, toluene.files, server=server))

    (tmp_path / "private").mkdir(mode=0o700)
    with ModelServer(tmp_path / "private" / "s", Models().answer) as server:
        threads = [threading.Thread(target=run, args=(i, server.path)) for i in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [found[i] for i in range(3)] == [theirs] * 3


def test_energy_is_conserved_with_ani2x_as_well_as_with_mm(toluene, ani_weights, tmp_path):
    cntrl = MD.replace("nstlim=10", "nstlim=1000").replace("ntpr=1", "ntpr=5")
    cntrl += ", ntc=2, ntf=2, tol=1e-8, nscm=0"
    theirs = np.array(values(mm(tmp_path, f"{cntrl}, noshakemask=':1'", toluene.files), "Etot"))
    mdout = ml(tmp_path, cntrl, toluene.files, mlp="animask=':1'")
    ours = np.array(values(mdout, "Etot"))
    assert len(ours) == len(theirs) == 200
    # The environment is the same, so is its noise of cutoff and SHAKE; the region's share of it
    # is small. A force that is not the slope of its energy would add a drift of kcal/mol.
    assert ours.std() < 1.5 * theirs.std() + 0.02
    drift = abs(np.polyfit(np.arange(200), ours, 1)[0]) * 200
    assert drift < abs(np.polyfit(np.arange(200), theirs, 1)[0]) * 200 + 0.3
    assert np.ptp(values(mdout, "ML energy (ani2x)")) > 1.0  # it moved


def test_an_umbrella_and_restraints_pull_an_ml_molecule(toluene, ani_weights, tmp_path):
    start = read_coordinates(toluene.restart).positions
    distance = np.linalg.norm(start[0] - start[18])  # a carbon and an oxygen of water
    (tmp_path / "window.RST").write_text(
        f" &rst iat=1,19, r1=0.0, r2={distance - 1:.6f}, r3={distance - 1:.6f}, r4=99.0,"
        " rk2=20.0, rk3=20.0 /\n"
    )
    extra = (
        " &wt type='DUMPFREQ', istep1=1 /\n &wt type='END' /\nDISANG=window.RST\nDUMPAVE=d.dat\n"
    )
    cntrl = MD.replace("nstlim=10", "nstlim=40") + ", ntwx=1"
    files = [*toluene.files, "-ref", toluene.restart]
    free = ml(tmp_path, cntrl, files, mlp="animask=':1'", name="free")
    held = "nmropt=1, ntr=1, restraint_wt=5.0, restraintmask=':1@C='"
    mdout = ml(tmp_path, f"{cntrl}, {held}", files, extra, mlp="animask=':1'")
    # sander prints with step 1 the energy of the coordinates that it was given.
    restraint = values(mdout, "RESTRAINT")
    assert restraint[0] == pytest.approx(20.0, abs=1e-3)  # k (d - d0)² with d - d0 = 1 Å
    assert values(mdout, "EPtot")[0] == pytest.approx(
        values(free, "EPtot")[0] + restraint[0], abs=2e-3
    )
    told = np.loadtxt(tmp_path / "d.dat")[:, 1]
    assert len(told) >= 40
    assert told[0] == pytest.approx(distance, abs=0.02)
    assert told[-1] < told[0] - 0.1  # it pulls
    # The potentials of sander and the forces of the model act together: their sum is conserved.
    total = np.array(values(mdout, "Etot"))
    assert np.ptp(restraint) > 5.0
    # Kinetic energies of half steps are off by (F dt)²/8m = 0.002 kcal/mol for this spring.
    assert np.ptp(total) < np.ptp(values(free, "Etot")) + 0.1


EWALD = " &ewald ew_coeff=0.4, nfft1=36, nfft2=36, nfft3=36, vdwmeth=0 /\n"
STILL = "imin=0, irest=0, ntx=1, tempi=0.0, nstlim=1, dt=1e-6, ntpr=1, cut=8.0, ntb=1"
"""One short step without velocities: the energy of the given coordinates."""


def own(folder, cntrl, prmtop, restart, name):
    """Run our own engine on the same kind of input; return its mdout."""
    text = (
        f"ours\n &cntrl\n {cntrl}, ifmlp=1,\n /\n &mlp animask=':1', potential='ani2x' /\n{EWALD}"
    )
    (folder / f"{name}.in").write_text(text)
    paths = (folder / f"{name}{end}" for end in (".out", ".rst7", ".nc", ".inf"))
    settings = read_md_settings(folder / f"{name}.in")
    run_md(settings, prmtop, restart, outputs=MdOutputs(*paths), overwrite=True)
    return (folder / f"{name}.out").read_text()


def test_runs_go_on_in_the_other_program(toluene, ani_weights, tmp_path):
    # Where one program ends, the other finds the same ML/MM energy, in both directions.
    prmtop, mlp = toluene.prmtop, "animask=':1'"
    files = ["-p", prmtop, "-c", tmp_path / "ours.rst7"]
    ours = own(tmp_path, MD, prmtop, toluene.restart, "ours")
    theirs = ml(tmp_path, STILL, files, EWALD, mlp=mlp)
    assert values(theirs, "EPtot")[0] == pytest.approx(values(ours, "EPtot")[-1], abs=VDW + ELEC)
    moved = values(ml(tmp_path, MD, files, EWALD, mlp=mlp), "EPtot")
    # sander prints with a step the energy of the coordinates before it, so the energy of its own
    # restart is what it prints when it goes on.
    (tmp_path / "ml.rst7").rename(tmp_path / "theirs.rst7")
    files = ["-p", prmtop, "-c", tmp_path / "theirs.rst7"]
    theirs = ml(tmp_path, STILL, files, EWALD, mlp=mlp)
    ours = own(tmp_path, STILL, prmtop, tmp_path / "theirs.rst7", "back")
    assert values(ours, "EPtot")[0] == pytest.approx(values(theirs, "EPtot")[0], abs=VDW + ELEC)
    assert abs(values(theirs, "EPtot")[0] - moved[0]) > 1.0  # another moment would not do


def test_plumed_is_reached_where_sander_has_it(toluene, tmp_path):
    (tmp_path / "plumed.dat").write_text("d: DISTANCE ATOMS=1,20\nPRINT ARG=d FILE=COLVAR\n")
    cntrl = f"{MD}, plumed=1, plumedfile='plumed.dat'"
    try:
        theirs = mm(tmp_path, cntrl, toluene.files)
    except subprocess.CalledProcessError:  # sander looks for the library at run time
        pytest.skip(f"{find_program('sander')} finds no PLUMED")
    (tmp_path / "COLVAR").rename(tmp_path / "mm")
    assert printed(ml(tmp_path, cntrl, toluene.files)) == printed(theirs)
    assert (tmp_path / "COLVAR").read_text() == (tmp_path / "mm").read_text()
