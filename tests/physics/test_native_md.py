# SPDX-License-Identifier: MIT
"""Does `merrow md` print the same energies on our nonbonded kernel, and does it keep its bits?"""

from __future__ import annotations

from pathlib import Path

import pytest

from merrow.errors import UnsupportedPhysicsError
from merrow.md.from_mdin import read_md_settings
from merrow.md.run import run_md
from merrow.nonbonded.kernel import why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())

MDIN = """constant pressure, MM terms
 &cntrl imin=0, nstlim={steps}, dt=0.002, ntc=2, ntf=2, cut=7.0, ntpr=20, nscm=0, ntt=3,
  gamma_ln=5.0, temp0=300.0, ig=5, ntb=2, ntp=1, mcbarint=10, barostat=2, ntwr=20, {more} ifmlp=1 /
 &mlp animask=':1', potential='mm', mlp_shake=1 /
"""


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def run(
    box, kernel: str, *, steps: int = 40, more: str = "tempi=300.0,", start: Path | None = None
):
    Path("mdin").write_text(MDIN.format(steps=steps, more=more))
    files = box.prmtop, start or box.inpcrd
    return run_md(read_md_settings("mdin"), *files, overwrite=True, mm_kernel=kernel)


def test_the_first_energies_are_those_of_openmm(ethanol):
    ours, right = (
        run(ethanol, kernel, steps=1).energies[0].values for kernel in ("native", "openmm")
    )
    for values in (ours, right):
        values.pop("PRESS")  # a difference of two energies over a millesimal of the box
    assert ours == pytest.approx(right, rel=1e-5, abs=0.02)
    run(ethanol, "native", steps=1)
    assert "nonbonded forces of merrow" in Path("mdout").read_text()


@pytest.mark.parametrize("kernel", ["native", "openmm"])
def test_a_run_in_two_halves_is_the_run_in_one(ethanol, kernel):
    whole = run(ethanol, kernel).energies[-1].values
    bits = Path("restrt").read_bytes()
    run(ethanol, kernel, steps=20)
    Path("restrt").rename("half.rst")
    again = run(ethanol, kernel, steps=20, more="irest=1, ntx=5,", start=Path("half.rst"))
    last = again.energies[-1].values
    del last["EMLMEAN"], whole["EMLMEAN"]  # of all blocks of a run
    assert last == whole
    assert Path("restrt").read_bytes() == bits


def test_what_the_kernel_cannot_do_runs_on_openmm_or_is_refused(systems, tmp_path, caplog):
    gas = systems / "butane.prmtop"
    text = MDIN.format(steps=1, more="tempi=300.0,")
    text = text.replace("ntb=2, ntp=1, mcbarint=10, barostat=2,", "ntb=0,").replace("7.0", "999.0")
    Path("mdin").write_text(text)
    files = gas, gas.with_suffix(".inpcrd")
    with pytest.raises(UnsupportedPhysicsError, match="periodic box"):
        run_md(read_md_settings("mdin"), *files, mm_kernel="native")
    assert run_md(read_md_settings("mdin"), *files, mm_kernel="auto").energies
