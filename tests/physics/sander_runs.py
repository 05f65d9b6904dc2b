# SPDX-License-Identifier: MIT
"""What do the tests of ML/MM in real sander share? A toluene box, MM and ML/MM runs, mdout."""

from __future__ import annotations

import math
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parmed.amber import AmberFormat
from test_sander_parity import neutral

from merrow.ambertools.programs import find_program
from merrow.ambertools.solvent import solvate
from merrow.sander.run import SanderRun, run

TOLUENE = "toluene"
MD = "imin=0, irest=1, ntx=5, nstlim=10, dt=0.0005, ntpr=1, cut=8.0, ntb=1"
"""Ten steps of NVE that print everything. The cutoff is longer than toluene: MM has no pair of the
region beyond its cutoff, but E_MM(region in vacuum) has them all."""

COMPARED = "NSTEP|TEMP\\(K\\)|Etot|EKtot|EPtot|VOLUME|Density|RESTRAINT|ENERGY|TIME\\(PS\\)"
_VALUE = re.compile(rf"({COMPARED})\s*=\s*(\S+)")
_MINIMUM = re.compile(r"^\s+\d+\s+-?\d\.\d+E[+-]\d+")


@dataclass(frozen=True)
class SanderBox:
    """A relaxed solute in water, and the solute's gas-phase files."""

    gas: Path
    gas_inpcrd: Path
    prmtop: Path
    restart: Path

    @property
    def files(self) -> list[str]:
        return ["-p", str(self.prmtop), "-c", str(self.restart)]


def exact(prmtop: Path, folder: Path) -> Path:
    """Write a neutral prmtop whose phases are π.

    tleap rounds π to 3.141594. sander takes the sine of such a phase as 0; OpenMM takes the number
    as it stands, which shifts a torsion's energy by 4e-6 kcal/mol: enough to round another digit.
    """
    parm = AmberFormat()
    parm.rdparm_slow(str(neutral(prmtop, folder)))
    phases = parm.parm_data["DIHEDRAL_PHASE"]
    phases[:] = [math.pi if abs(phase - math.pi) < 1e-5 else phase for phase in phases]
    target = folder / f"exact-{prmtop.name}"
    parm.write_parm(str(target))
    return target


def make_sander_box(gas: Path, inpcrd: Path, folder: Path, n_waters: int) -> SanderBox:
    """Solvate a neutral gas-phase prmtop, minimise and heat it for 0.1 ps with sander's MM."""
    prmtop, start = solvate(gas, inpcrd, folder=folder, n_waters=n_waters)
    mm(folder, "imin=1, maxcyc=100, ncyc=50, cut=8.0", ["-p", prmtop, "-c", start], name="min")
    heat = "imin=0, nstlim=100, dt=0.001, cut=8.0, ntt=3, gamma_ln=5.0, tempi=300.0, ntc=2, ntf=2"
    mm(folder, f"{heat}, ig=7", ["-p", prmtop, "-c", folder / "min.rst7"], name="heat")
    return SanderBox(gas, inpcrd, prmtop, folder / "heat.rst7")


def mm(folder: Path, cntrl: str, files: Sequence[object], extra: str = "", name: str = "mm") -> str:
    """Run plain sander; return its mdout."""
    (folder / f"{name}.in").write_text(f"MM\n &cntrl\n {cntrl},\n /\n{extra}")
    outputs = ["-o", f"{name}.out", "-r", f"{name}.rst7", "-x", f"{name}.nc", "-inf", f"{name}.inf"]
    subprocess.run(
        [find_program("sander"), "-O", "-i", f"{name}.in", *outputs, *map(str, files)],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    return (folder / f"{name}.out").read_text()


def ml(
    folder: Path,
    cntrl: str,
    files: Sequence[object],
    extra: str = "",
    *,
    mlp: str = "animask=':1', potential='mm', precision='float64'",
    name: str = "ml",
    **options: object,
) -> str:
    """Run sander with the region's energy from a potential; return the merged mdout."""
    text = f"ML/MM\n &cntrl\n {cntrl}, ifmlp=1,\n /\n &mlp {mlp} /\n{extra}"
    (folder / f"{name}.in").write_text(text)
    outputs = ["-o", f"{name}.out", "-r", f"{name}.rst7", "-x", f"{name}.nc", "-inf", f"{name}.inf"]
    words = ["-O", "-i", f"{name}.in", *outputs, *map(str, files)]
    run(SanderRun(words, folder, **options))
    return (folder / f"{name}.out").read_text()


def printed(mdout: str) -> list[object]:
    """Every time, temperature, energy and volume that stands in an mdout, as it is printed.

    BOND, EELEC and their like are left out, since the region's part moves into the ML energy; the
    pressure too, since sander leaves external forces out of its virial.
    """
    results = mdout.rsplit("4.  RESULTS", maxsplit=1)[-1]
    lines = [_VALUE.findall(line) or _MINIMUM.findall(line) for line in results.splitlines()]
    return [line for line in lines if line]


def values(mdout: str, name: str) -> list[float]:
    """Every value of one name, averages left out."""
    results = mdout.rsplit("4.  RESULTS", maxsplit=1)[-1].split("A V E R A G E S", maxsplit=1)[0]
    return [float(v) for v in re.findall(rf"{re.escape(name)}\s*=\s*(-?[\d.]+)", results)]
