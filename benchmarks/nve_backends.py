# SPDX-License-Identifier: MIT
"""Does every kind of potential conserve energy and momentum, and to second order?

Methanol in a droplet of 30 rigid TIP3P waters, no cutoff, MM in double precision: `merrow validate
nve` with each potential, 5 ps at 0.25, 0.5 and 1 fs from one start, a minimum with velocities of
500 K, half of which becomes potential energy. The order in the time step comes from 0.25 ps of the
same: over 5 ps the three trajectories part, and the few fast vibrations of methanol have other
energies in each, so that the ratio of the swings is no longer 4 even for the prmtop's own terms.
The MACE is the small one of the tests, which knows methanol only. Reports are kept: the same
command goes on.

    python benchmarks/nve_backends.py --folder RUN
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import openmm as mm
import parmed
from common import ROOT, gaff, parser, save, show
from openmm import unit

from merrow.ambertools.solvent import solvate

SOLUTE = 6
"""Atoms of methanol."""
WATERS, BOXED, TEMPERATURE = 30, 250, 500.0
TINY_MACE = ROOT / "tests" / "data" / "tiny_mace.model"
POTENTIALS = ("ani1x", "ani1ccx", "ani2x", "aimnet2", f"mace:{TINY_MACE}", "xtb:gfn2", "mm")
KEPT = (
    *("energy_sd_kcal", "sd_ratios", "drift_kcal_per_ns_per_dof"),
    *("drift_stderr_kcal_per_ns_per_dof", "com_velocity_a_per_ps", "net_force", "slope_error"),
    *("e_trans_kcal", "e_trans_equipartition_kcal", "e_rot_kcal", "e_rot_equipartition_kcal"),
    *("temperature_k", "degrees_of_freedom"),
)
ORDER_TIME = 0.25
"""Time after which the trajectories of different steps have not parted yet [ps]."""


def droplet(data: Path, folder: Path) -> tuple[Path, Path]:
    """Return prmtop and coordinates of methanol with the waters nearest to it, without a box."""
    files = folder / "droplet.prmtop", folder / "droplet.rst7"
    if files[1].exists():
        return files
    gas = gaff(data, "methanol")
    parm = parmed.load_file(*map(str, solvate(*gas, folder=folder, n_waters=BOXED)))
    centre = parm.coordinates[:SOLUTE].mean(axis=0)
    edge = parm.box[:3]
    waters = parm.coordinates[SOLUTE:].reshape(BOXED, 3, 3)
    waters -= edge * np.round((waters[:, :1] - centre) / edge)
    far = np.argsort(np.linalg.norm(waters[:, 0] - centre, axis=1))[WATERS:]
    parm.coordinates = np.concatenate([parm.coordinates[:SOLUTE], waters.reshape(-1, 3)])
    parm.strip(":" + ",".join(str(k + 2) for k in sorted(far)))
    parm.box = None
    parm.coordinates = minimum(parm)
    parm.save(str(files[0]), overwrite=True)
    parm.save(str(files[1]), overwrite=True)
    return files


def minimum(parm: parmed.Structure) -> np.ndarray:
    """Return the nearest minimum of the MM energy with rigid water [Å], shape (N, 3)."""
    system = parm.createSystem(constraints=None, rigidWater=True)
    context = mm.Context(system, mm.VerletIntegrator(0.001), mm.Platform.getPlatform("Reference"))
    context.setPositions(parm.positions)
    mm.LocalEnergyMinimizer.minimize(context, 1.0, 2000)
    positions = context.getState(getPositions=True).getPositions(asNumpy=True)
    return np.asarray(positions.value_in_unit(unit.angstrom))


def validate(potential: str, files: tuple[Path, Path], folder: Path, time: float) -> dict[str, Any]:
    """Return the report of one potential, from the command or from an earlier call."""
    path = folder / f"{potential.partition(':')[0]}-{time:g}ps.json"
    if not path.exists():
        merrow = str(Path(sys.executable).with_name("merrow"))
        command = [merrow, "validate", "nve", "-p", str(files[0]), "-c", str(files[1])]
        command += ["--ml-mask", ":1", "--potential", potential, "--time", str(time), "--json"]
        command += ["--temperature", str(TEMPERATURE)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode not in (0, 1):  # 1: a check is not passed, which the report tells
            raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
        path.write_text(done.stdout)
    report = json.loads(path.read_text())
    return {key: report[key] for key in KEPT}


def main() -> None:
    """Test all potentials and write `results/nve_backends.json`."""
    kinds = {"nargs": "+", "default": POTENTIALS}
    asked = parser(__doc__, "data", "folder", potentials=kinds, time=5.0).parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    files = droplet(asked.data, asked.folder)
    rows = {}
    for potential in asked.potentials:
        name = "mace:tests/data/tiny_mace.model" if "mace" in potential else potential
        rows[name] = validate(potential, files, asked.folder, asked.time)
        short = validate(potential, files, asked.folder, ORDER_TIME)
        rows[name] |= {f"sd_ratios_{ORDER_TIME:g}_ps": short["sd_ratios"]}
        show({name: rows[name]})
    about = {"solute": "methanol", "waters": WATERS, "time_ps": asked.time, "seed": 1}
    save("nve_backends", about | {"potentials": rows})


if __name__ == "__main__":
    main()
