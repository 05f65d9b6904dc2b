# SPDX-License-Identifier: MIT
"""Does the hydration free energy depend on the size of the box?

Propionamide, ANI-2x, the endpoint route (`quick`), FreeSolv's GAFF prmtop, cutoff 8 Å with tail, in
boxes of about 24 and 32 Å (the smallest that the program accepts for it, and one of 2.4 times the
volume), independent seeds. Resumable: run it again to go on, with a smaller target to refine.

    python benchmarks/box_size.py --runs RUNS [--target 0.15]
"""

from __future__ import annotations

import math
from typing import Any

from common import gaff_source, parser, run, save, show

from merrow.amber.coordinates import read_coordinates
from merrow.hydration.config import HydrationConfig
from merrow.hydration.protocol import PROTOCOLS

WATERS = {"small": 440, "large": 1090}
SEED = 2025


def main() -> None:
    """Run both boxes and write `results/box_size.json`."""
    asked = parser(__doc__, "data", "runs", target=0.15).parse_args()
    headlines, boxes = [], dict[str, Any]()
    for k, (size, waters) in enumerate(WATERS.items()):
        folder = asked.runs / f"propionamide-{size}"
        changes = {"name": "custom", "n_waters": waters, "target_stderr_kcal": asked.target}
        config = HydrationConfig(
            source=gaff_source(asked.data, "propionamide"),
            potential="ani2x",
            protocol=PROTOCOLS["quick"].model_copy(update=changes),
            seed=SEED + k,
        )
        result = run(config, folder)
        headlines.append(result.headline)
        edges = read_coordinates(folder / "system" / "solvated.inpcrd").lengths
        boxes[size] = {
            "waters": waters,
            "first_edges_angstrom": [round(float(edge), 2) for edge in edges],
            "result": result.model_dump(mode="json"),
        }
    small, large = headlines
    summary = {
        "difference_kcal": large.value_kcal - small.value_kcal,
        "stderr_kcal": math.hypot(small.stderr_kcal, large.stderr_kcal),
    }
    show(summary)
    save("box_size", summary | {"boxes": boxes})


if __name__ == "__main__":
    main()
