# SPDX-License-Identifier: MIT
"""Is the energy of ML/MM through real sander conserved as well as that of plain MM in one box?

python benchmarks/sander_nve.py --prmtop solvated.prmtop --restart eq.rst7 --mask :1
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from common import parser, save, show

from merrow.amber.topology import read_topology
from merrow.ambertools.programs import find_program
from merrow.sander.run import SanderRun, run

STEP, PRINTED = 0.0005, 5
"""Time step [ps]; steps from one printed energy to the next."""
CNTRL = f"imin=0, irest=1, ntx=5, dt={STEP}, ntpr={PRINTED}, ntb=1, ntc=2, ntf=2, tol=1e-8, nscm=0"


def energies(mdout: Path) -> np.ndarray:
    """Return every total energy of an mdout, averages left out [kcal/mol]."""
    text = mdout.read_text().rsplit("4.  RESULTS", maxsplit=1)[-1]
    text = text.split("A V E R A G E S", maxsplit=1)[0]
    return np.array([float(value) for value in re.findall(r"Etot\s*=\s*(-?[\d.]+)", text)])


def figures(total: np.ndarray, atoms: int) -> dict[str, float]:
    """Return drift and scatter around it."""
    times = np.arange(len(total)) * PRINTED * STEP  # ps
    slope, start = np.polyfit(times, total, 1)
    return {
        "drift_kcal_per_ps": round(float(slope), 4),
        "drift_kcal_per_ns_and_atom": round(float(slope) * 1000 / atoms, 4),
        "rms_around_the_line_kcal": round(float((total - start - slope * times).std()), 4),
    }


def main() -> None:
    """Run both and write `results/sander_nve.json`."""
    asked = parser(__doc__, "prmtop", "restart", "mask", "potential", cutoff=8.0, steps=1000)
    asked = asked.parse_args()
    atoms = len(read_topology(asked.prmtop))
    files = ["-p", str(asked.prmtop.absolute()), "-c", str(asked.restart.absolute())]
    cntrl = f"{CNTRL}, cut={asked.cutoff}, nstlim={asked.steps}"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "mm.in").write_text(f"MM\n &cntrl\n {cntrl}, noshakemask='{asked.mask}',\n /\n")
        words = ["-O", "-i", "mm.in", "-o", "mm.out", *files]
        subprocess.run(
            [str(find_program("sander")), *words], cwd=folder, check=True, capture_output=True
        )
        mlp = f" &mlp animask='{asked.mask}', potential='{asked.potential}' /\n"
        (folder / "ml.in").write_text(f"ML/MM\n &cntrl\n {cntrl}, ifmlp=1,\n /\n{mlp}")
        run(SanderRun(["-O", "-i", "ml.in", "-o", "ml.out", *files], folder))
        found = {way: figures(energies(folder / f"{way}.out"), atoms) for way in ("mm", "ml")}
    content = {"atoms": atoms, "steps": asked.steps, "step_ps": STEP, "potential": asked.potential}
    show(found)
    save("sander_nve", {**content, **found})


if __name__ == "__main__":
    main()
