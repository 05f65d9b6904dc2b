# SPDX-License-Identifier: MIT
"""Does the nonbonded kernel ever differ from plain sums? Random boxes, as many as one likes.

    python benchmarks/kernel_campaign.py --out campaign.json --count 100000 --others 12000

Box number n of a group is drawn from the seed (SEED, n), so a campaign goes on where it stopped and
any box can be looked at again with --only. Each is judged on every instruction set of this machine,
at a state drawn with it. The file is written every 200 boxes; exit code 1 tells of a difference.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from common import save

from merrow.errors import InputError
from merrow.files import save_json
from merrow.native import ISAS
from merrow.nonbonded.kernel import NonbondedKernel
from merrow.nonbonded.testing import BOXES, RECTANGULAR, disagreement, expected, random_box

SEED = 22
WRITTEN = 200
GROUPS = {"rectangular": list(BOXES)[:RECTANGULAR], "others": list(BOXES)[RECTANGULAR:]}
"""Rectangular boxes of 3-site water; tilted boxes, octahedra and 4-site water."""


def judged(index: int, kinds: list[str]) -> tuple[str, dict[str, dict[str, float]]]:
    """Return the kind of a box, and its ratios of difference and bar by instruction set."""
    random = np.random.default_rng([SEED, index])
    kind = kinds[index % len(kinds)]
    parameters, positions, box = random_box(random, alpha=2.0, grid=40, **BOXES[kind])
    # ends of the path as often as what lies between
    electrostatics, sterics = random.choice([0.0, 1.0, random.random()], 2)
    right = expected(parameters, positions, box, electrostatics=electrostatics, sterics=sterics)
    found = {}
    for isa in ISAS:
        try:
            kernel = NonbondedKernel(parameters, isa)
        except InputError:  # not on this machine
            continue
        found[isa] = disagreement(kernel, right)
    return kind, found


def advance(group: str, state: dict[str, Any], count: int, written: Callable[[], object]) -> None:
    """Judge boxes of a group until there are so many."""
    began, earlier = time.process_time(), state["cpu_s"]
    for index in range(state["done"], count):
        kind, found = judged(index, GROUPS[group])
        for isa, ratios in found.items():
            largest = state["worst"].setdefault(isa, {}).setdefault(kind, {})
            for name, ratio in ratios.items():
                largest[name] = max(largest.get(name, 0.0), ratio)
        if max(max(ratios.values()) for ratios in found.values()) >= 1.0:
            state["different"].append(index)
        state["done"], state["cpu_s"] = index + 1, earlier + time.process_time() - began
        if state["done"] % WRITTEN == 0 or state["done"] == count:
            written()


def main() -> None:
    """Go on with a campaign, or show one box."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--out", type=Path, help="state of the campaign; made or gone on with")
    reader.add_argument("--count", type=int, default=2000, help="rectangular boxes in all")
    reader.add_argument("--others", type=int, default=600, help="boxes of the other group")
    reader.add_argument("--only", nargs=2, help="show one box by its group and number")
    reader.add_argument("--save", action="store_true", help="write results/kernel_campaign.json")
    asked = reader.parse_args()
    if asked.only:
        group, index = asked.only
        print(json.dumps(judged(int(index), GROUPS[group]), indent=1))
        return
    new = {"done": 0, "cpu_s": 0.0, "worst": {}, "different": []}
    state: dict[str, Any] = {"seed": SEED, **{group: copy.deepcopy(new) for group in GROUPS}}
    if asked.out and asked.out.exists():
        state = json.loads(asked.out.read_text())
    counts = {"rectangular": asked.count, "others": asked.others}

    def written() -> None:
        if asked.out:
            save_json(asked.out, state)

    for group in reversed(GROUPS):
        advance(group, state[group], counts[group], written)
    print(json.dumps(state, indent=1))
    if asked.save:
        save("kernel_campaign", state)
    sys.exit(any(state[group]["different"] for group in GROUPS))


if __name__ == "__main__":
    main()
