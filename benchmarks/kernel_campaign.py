# SPDX-License-Identifier: MIT
"""Does the nonbonded kernel ever differ from plain sums? Random boxes, as many as one likes.

    python benchmarks/kernel_campaign.py --out campaign.json --count 100000

Box number n is drawn from the seed (SEED, n), so a campaign goes on where it stopped and any box
can be looked at again with --only n. Each is judged on every instruction set of this machine, at a
state drawn with it. The file is written every 200 boxes; exit code 1 tells of a difference.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from common import save

from merrow.errors import InputError
from merrow.files import save_json
from merrow.native import ISAS
from merrow.nonbonded.kernel import NonbondedKernel
from merrow.nonbonded.testing import BOXES, disagreement, random_box

SEED = 22
WRITTEN = 200


def judged(index: int) -> tuple[str, dict[str, dict[str, float]]]:
    """Return the kind of a box, and its ratios of difference and bar by instruction set."""
    random = np.random.default_rng([SEED, index])
    kind = list(BOXES)[index % len(BOXES)]
    parameters, positions, box = random_box(random, alpha=3.3, grid=64, **BOXES[kind])
    # ends of the path as often as what lies between
    electrostatics, sterics = random.choice([0.0, 1.0, random.random()], 2)
    found = {}
    for isa in ISAS:
        try:
            kernel = NonbondedKernel(parameters, isa)
        except InputError:  # not on this machine
            continue
        found[isa] = disagreement(
            kernel, positions, box, electrostatics=electrostatics, sterics=sterics
        )
    return kind, found


def main() -> None:
    """Go on with a campaign, or show one box."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="state of the campaign; made or gone on with")
    parser.add_argument("--count", type=int, default=2000, help="boxes in all")
    parser.add_argument("--only", type=int, help="show one box by its number")
    parser.add_argument("--save", action="store_true", help="write results/kernel_campaign.json")
    asked = parser.parse_args()
    if asked.only is not None:
        print(json.dumps(judged(asked.only), indent=1))
        return
    state = {"seed": SEED, "done": 0, "cpu_s": 0.0, "worst": {}, "different": []}
    if asked.out and asked.out.exists():
        state = json.loads(asked.out.read_text())
    began = time.process_time()
    earlier = state["cpu_s"]
    for index in range(state["done"], asked.count):
        kind, found = judged(index)
        for isa, ratios in found.items():
            largest = state["worst"].setdefault(isa, {}).setdefault(kind, {})
            for name, ratio in ratios.items():
                largest[name] = max(largest.get(name, 0.0), ratio)
        if max(max(ratios.values()) for ratios in found.values()) >= 1.0:
            state["different"].append(index)
        state["done"], state["cpu_s"] = index + 1, earlier + time.process_time() - began
        if asked.out and (state["done"] % WRITTEN == 0 or state["done"] == asked.count):
            save_json(asked.out, state)
    print(json.dumps(state, indent=1))
    if asked.save:
        print(save("kernel_campaign", state))
    sys.exit(bool(state["different"]))


if __name__ == "__main__":
    main()
