# SPDX-License-Identifier: MIT
"""Where does a torsion of the solute stand, in gas and in water, by MM and by the network?

Reads a run of `run.py` that was kept (`--runs`); nothing is sampled. Printed is the fraction of
frames whose angle is nearer to zero than `--within` degrees: in 1,1,1-trifluoropropan-2-ol the
hydroxyl's hydrogen is beside CF3 there.

    python benchmarks/hydration30/torsion.py --atoms 12 7 2 3 RUN
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from common import parser, show  # noqa: E402
from nitrogen import phases  # noqa: E402

from merrow.geometry import torsion_angles  # noqa: E402
from merrow.hydration.run_folder import RunFolder  # noqa: E402


def main() -> None:
    """Print the fraction in each phase."""
    reader = parser(__doc__, within=60.0)
    reader.add_argument("--atoms", type=int, nargs=4, required=True, help="from 1, as in the mol2")
    reader.add_argument("run", type=Path)
    asked = reader.parse_args()
    first, second, third, fourth = (atom - 1 for atom in asked.atoms)
    found = {}
    for name, frames in phases(RunFolder(asked.run)).items():
        angles = torsion_angles(frames, [(first, second, third, fourth)])
        found[name] = round(float(np.mean(np.abs(angles) < asked.within)), 2)
    show(found)


if __name__ == "__main__":
    main()
