# SPDX-License-Identifier: MIT
"""How flat is the nitrogen of a molecule in gas and in water, by MM and by the network?

Reads a finished run of `run.py` and prints the mean sum of the three angles at each nitrogen with
three neighbours [degrees]: 360 if it is flat, 328 at a tetrahedral one.

    python benchmarks/hydration30/nitrogen.py RUNS/ani2x-abcg2/runs/aniline-abcg2
"""

from __future__ import annotations

import sys
from itertools import chain, combinations
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from common import parser, show, water_segments

from merrow.amber.topology import read_topology
from merrow.engine.segments import gas_frames
from merrow.geometry import neighbours
from merrow.hydration.run_folder import RunFolder
from merrow.hydration.sampling.tasks import ML_SOLUTE, MM_SOLUTE, Task

Array = np.ndarray


def main() -> None:
    """Print the sums of angles of one run."""
    reader = parser(__doc__)
    reader.add_argument("run", type=Path)
    run = RunFolder(reader.parse_args().run)
    topology = read_topology(run.path / "system" / "gas.prmtop")
    near = neighbours(topology.bonds, range(len(topology)))
    show(
        {
            f"N{i + 1}": {name: angles(frames, i, near[i]) for name, frames in phases(run).items()}
            for i, number in enumerate(topology.numbers)
            if number == 7 and len(near[i]) == 3
        }
    )


def phases(run: RunFolder) -> dict[str, Array]:
    """Return the frames of the solute, coupled or in gas, by phase and Hamiltonian."""
    found = {}
    for name, own, kind in (("MM", MM_SOLUTE, "path"), ("ML", ML_SOLUTE, "end")):
        found[f"{name}, gas"] = gas_frames(run.task(Task("gas", own)).read_gas()).positions
        found[f"{name}, water"] = np.concatenate(
            [
                part.frames[part.samples.state[part.frame_rows] == 0]
                for part in chain.from_iterable(water_segments(run, kind, own))
            ]
        )
    return found


def angles(frames: Array, centre: int, others: list[int]) -> float:
    """Return the mean sum of the angles between three bonds [degrees]."""
    bonds = frames[:, list(others)] - frames[:, [centre]]
    bonds /= np.linalg.norm(bonds, axis=-1, keepdims=True)
    cosines = [np.sum(bonds[:, a] * bonds[:, b], axis=-1) for a, b in combinations(range(3), 2)]
    return round(float(np.degrees(np.arccos(cosines)).sum(axis=0).mean()), 1)


if __name__ == "__main__":
    main()
