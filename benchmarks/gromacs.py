# SPDX-License-Identifier: MIT
"""What does GROMACS take for a step of the same box, on one thread?

The box goes there through ParmEd: Verlet lists, PME as GROMACS chooses its grid, the tail of
Lennard-Jones, `sd` at 298.15 K and constant volume, rigid water. CPU time of a step is the
difference of two runs of different length.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

import parmed

from merrow.bench.speed import FRICTION, TEMPERATURE, BenchSystem

STEPS = (500, 3000)
MDP = """integrator = sd
dt = {step}
nsteps = -1
nstlist = 20
rcoulomb = {cutoff}
rvdw = {cutoff}
coulombtype = PME
DispCorr = EnerPres
tc-grps = System
tau-t = {tau}
ref-t = {kelvin}
nstcalcenergy = 100
nstenergy = 0
nstlog = 0
"""


def time_of_step(
    system: BenchSystem, cutoff: float, folder: Path, *, step_fs: float, rounds: int
) -> dict[str, Any] | None:
    """Return CPU time of a step [ms], version and instruction set; None where there is no `gmx`.

    Args:
        system: The box; positions and box in nm.
        cutoff: Direct-space cutoff [Å].
        folder: Where GROMACS leaves its files.
        step_fs: Time step [fs].
        rounds: Pairs of runs; the median counts.
    """
    if shutil.which("gmx") is None:
        return None
    box = parmed.load_file(str(system.topology.path))
    box.coordinates = 10 * system.positions
    box.box = [*(10 * float(row[k]) for k, row in enumerate(system.box)), 90.0, 90.0, 90.0]
    for name in ("box.top", "box.gro"):
        box.save(str(folder / name), overwrite=True)
    words = {"cutoff": cutoff / 10, "tau": 1 / FRICTION, "kelvin": TEMPERATURE}
    (folder / "box.mdp").write_text(MDP.format(step=step_fs / 1000, **words))
    gmx(folder, "grompp", "-f", "box.mdp", "-c", "box.gro", "-p", "box.top", "-o", "box.tpr",
        "-maxwarn", "3")  # fmt: skip
    few, many = STEPS
    times = [(run(folder, many) - run(folder, few)) / (many - few) for _ in range(rounds)]
    about = gmx(folder, "--version").splitlines()
    told = {line.split(":")[0].strip(): line.split(":")[-1].strip() for line in about}
    return {
        "cpu_ms": 1000 * median(times),
        "version": told.get("GROMACS version"),
        "simd": told.get("SIMD instructions"),
    }


def run(folder: Path, steps: int) -> float:
    """Return the CPU time of so many steps [s], its beginning and end with them."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    gmx(folder, "mdrun", "-s", "box.tpr", "-deffnm", "box", "-nsteps", str(steps), "-ntmpi", "1",
        "-ntomp", "1", "-pin", "off", "-nb", "cpu", "-notunepme")  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def gmx(folder: Path, *words: str) -> str:
    """Return what a command of GROMACS prints; it ends the script where it fails."""
    done = subprocess.run(
        ["gmx", "-quiet", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"gmx {words[0]} failed: {' '.join(done.stderr.split()[-60:])}")
    return done.stdout
