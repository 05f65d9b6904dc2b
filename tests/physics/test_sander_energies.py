# SPDX-License-Identifier: MIT
"""Is ML/MM through real sander the same Hamiltonian as ours, and MM where the potential is MM?

The identity: where the server gives the solute's own MM energy in vacuum, a run through sander's
external interface prints what plain sander prints, to the last digit. It can only hold if sander
removes exactly E_MM(region in vacuum) and its conversion of units is undone exactly.
"""

from __future__ import annotations

import numpy as np
import pytest
from sander_runs import MD, TOLUENE, exact, make_sander_box, ml, mm, printed, values
from scipy.io import netcdf_file
from test_sander_parity import ELEC, VDW

from merrow.amber.coordinates import Coordinates, read_coordinates, write_restart
from merrow.errors import InputError, MerrowError
from merrow.sander.run import SanderRun, run
from merrow.single_point import SinglePoint, single_point

pytestmark = pytest.mark.usefixtures("sander")


@pytest.fixture(scope="module")
def toluene(systems, tmp_path_factory):
    """Toluene in 250 waters."""
    folder = tmp_path_factory.mktemp("toluene")
    source = systems / f"{TOLUENE}.prmtop"
    return make_sander_box(exact(source, folder), source.with_suffix(".inpcrd"), folder, 250)


@pytest.fixture
def ani2x(ani_weights):
    """Stand-ins of the weights of ANI-2x where the program looks for them."""


def test_mm_as_ml_prints_what_mm_prints(toluene, tmp_path):
    # With an umbrella on a distance, whose file lies in another folder, and restraints.
    (tmp_path / "window.RST").write_text(
        " &rst iat=1,20, r1=0.0, r2=5.0, r3=5.0, r4=99.0, rk2=20.0, rk3=20.0 /\n"
    )
    extra = " &wt type='DUMPFREQ', istep1=5 /\n &wt type='END' /\nDISANG=../window.RST\n"
    cntrl = f"{MD}, nmropt=1, ntr=1, restraint_wt=5.0, restraintmask=':1@C='"
    files = [*toluene.files, "-ref", toluene.restart]
    folder = tmp_path / "here"
    folder.mkdir()
    theirs = mm(folder, cntrl, files, f"{extra}DUMPAVE=mm.dat\n")
    ours = ml(folder, cntrl, files, f"{extra}DUMPAVE=ml.dat\n")
    assert printed(ours) == printed(theirs)
    assert len(values(ours, "Etot")) == 10
    assert values(ours, "RESTRAINT")[-1] > 1.0
    assert (folder / "ml.dat").read_text() == (folder / "mm.dat").read_text()


def test_a_plain_qmmm_input_prints_what_mm_prints(toluene, tmp_path):
    # The user's own EXTERN input, with an umbrella, as in the other dialect.
    (tmp_path / "window.RST").write_text(
        " &rst iat=1,20, r1=0.0, r2=5.0, r3=5.0, r4=99.0, rk2=20.0, rk3=20.0 /\n"
    )
    cntrl = f"{MD}, nmropt=1"
    restraint = " &wt type='END' /\nDISANG=window.RST\n"
    qmmm = (
        " &qmmm\n qmmask=':1', qmcharge=0, spin=1, qm_theory='EXTERN', qmmm_int=5, qm_ewald=0,"
        " qmshake=0,\n /\n &orc\n method='mm',\n /\n"
    )
    (tmp_path / "mdin").write_text(f"x\n &cntrl\n {cntrl}, ifqnt=1,\n /\n{qmmm}{restraint}")
    run(SanderRun(["-O", "-i", "mdin", *toluene.files], tmp_path, precision="float64"))
    ours = (tmp_path / "mdout").read_text()
    assert printed(ours) == printed(mm(tmp_path, cntrl, toluene.files, restraint))
    assert len(values(ours, "ML energy (mm)")) == 10


def test_a_wrong_conversion_of_units_is_noticed(toluene, tmp_path, monkeypatch):
    # 12 kcal/mol with a Hartree that is wrong by 1.5e-5: two units of the last printed digit.
    monkeypatch.setattr("merrow.sander.files.SANDER_HARTREE_KCAL", 627.50)
    with pytest.raises(MerrowError, match="that the model server never gave"):
        ml(tmp_path, MD, toluene.files)


PME = "ew_coeff=0.4, nfft1=36, nfft2=36, nfft3=36, order=6, eedtbdns=5000, netfrc=0, vdwmeth=0"
"""Without tail: sander counts its pairs otherwise, which shows in so small a box."""


def test_ani2x_through_sander_is_our_own_hamiltonian(toluene, ani2x, tmp_path):
    # One step so short that nothing moves: energies and forces of the given geometry.
    cntrl = "imin=0, irest=0, ntx=1, tempi=0.0, nstlim=1, dt=1e-9, ntpr=1, ntwf=1, cut=8.0, ig=1"
    mdout = ml(
        tmp_path,
        cntrl,
        [*toluene.files, "-frc", "forces.nc"],
        f" &ewald {PME} /\n",
        mlp="animask=':1'",
    )
    ours = single_point(
        SinglePoint(
            toluene.prmtop,
            toluene.restart,
            ml_mask=":1",
            potential="ani2x",
            cutoff=8.0,
            lj_tail=False,
            amber_coulomb=True,
            ewald_coefficient=0.4,
            pme_grid=(36, 36, 36),
        )
    )
    terms = ours.terms
    ml_energy = values(mdout, "ML energy (ani2x)")[0]
    assert ml_energy == pytest.approx(terms["ml"], abs=1e-3)  # float32 network against float64
    assert ml_energy == pytest.approx(values(mdout, "EXTERNESCF")[0], abs=6e-5)  # four decimals
    assert values(mdout, "spread")[0] > 0.0
    assert values(mdout, "VDWAALS")[0] == pytest.approx(terms["vdw"], abs=VDW)
    assert values(mdout, "EELEC")[0] == pytest.approx(terms["elec"], abs=ELEC)
    assert values(mdout, "EPtot")[0] == pytest.approx(ours.total, abs=VDW + ELEC)
    with netcdf_file(tmp_path / "forces.nc", "r", mmap=False) as file:
        forces = np.array(file.variables["forces"][0], dtype=np.float64)
    # Forces are stored in float32 and reach 1e2; splines of order 5 against 6 make 1e-2.
    assert forces == pytest.approx(ours.forces, abs=0.02)
    assert forces[:15] == pytest.approx(ours.forces[:15], abs=0.01)


def test_a_mask_that_sander_reads_otherwise_is_noticed(toluene, tmp_path):
    # &qmmm keeps the user's mask; the list of atoms that we derive must be what sander takes.
    (tmp_path / "mdin").write_text(
        f"x\n &cntrl {MD}, ifqnt=1 /\n &qmmm iqmatoms=1,2,3, qm_theory='EXTERN', qmmm_int=5 /\n"
    )
    with pytest.raises(InputError, match="cuts the covalent bond"):
        run(SanderRun(["-O", "-i", "mdin", *toluene.files], tmp_path, "mm"))


def test_restarts_go_from_our_engine_to_sander_and_back(toluene, tmp_path):
    # Ours → sander: an rst7 of ours with velocities and box starts it; sander → ours: the energy
    # of sander's NetCDF restart is the one that sander finds when it starts from it.
    source = read_coordinates(toluene.restart)
    write_restart(tmp_path / "ours.rst7", source, time=3.0)
    files = ["-p", toluene.prmtop, "-c", tmp_path / "ours.rst7"]
    short = MD.replace("nstlim=10", "nstlim=2").replace("dt=0.0005", "dt=1e-9")
    first = ml(tmp_path, short, files, f" &ewald {PME} /\n")
    found = read_coordinates(tmp_path / "ml.rst7", len(source.positions))
    assert found.positions == pytest.approx(source.positions, abs=2e-7)  # seven decimals
    assert found.velocities == pytest.approx(source.velocities, abs=5e-4)  # a step of 1e-9 ps
    energy = single_point(
        SinglePoint(
            toluene.prmtop,
            tmp_path / "ml.rst7",
            ml_mask=None,
            potential="mm",
            cutoff=8.0,
            lj_tail=False,
            amber_coulomb=True,
            ewald_coefficient=0.4,
            pme_grid=(36, 36, 36),
        )
    ).total
    assert values(first, "EPtot")[-1] == pytest.approx(energy, abs=VDW + ELEC)
    assert isinstance(found, Coordinates)
