# SPDX-License-Identifier: MIT
"""Does a dry run prepare and measure, tell what the run will take, and sample nothing?"""

from __future__ import annotations

import json
from pathlib import Path


def ask(merrow, systems, *more):
    files = (systems / "methane.prmtop", systems / "methane.inpcrd")
    words = ("--solvate", "tip3p", "--potential", "mm", "--out", "run", "--dry-run")
    return merrow("hydration", *files, *words, *more)


def test_it_tells_time_memory_and_disk_and_samples_nothing(merrow, systems):
    answer = ask(merrow, systems)
    assert answer.code == 0, answer.err
    assert len(answer.out.splitlines()) == 5
    for words in ("of sampling at least", "at most", "ms a step: ", "memory", "MiB in run"):
        assert words in answer.out
    assert not list(Path("run").rglob("segment-*"))
    found = json.loads(ask(merrow, systems, "--json").out)
    assert 0 < found["least_minutes"] <= found["most_minutes"]
