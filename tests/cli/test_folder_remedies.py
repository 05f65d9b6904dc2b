# SPDX-License-Identifier: MIT
"""Does what commands about folders and files recommend help?

Each row: words that are refused, what the message recommends, and the words that follow it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from test_status_and_report import campaign, finished

ROWS = [
    ("status lost", "give one that --out named", "status one"),
    ("status empty", "give a folder that --out named", "status one"),
    ("report empty one", "give the folder of a run, campaign or mmpbsa", "report two one"),
    ("report one set", "give two alike", "report one two"),
    ("report one two set", "give one, or two to compare", "report one two"),
    ("report one two --interactive", "has no effect here; leave it out", "report one two"),
    ("init nothing", "nothing to configure for 'nothing'; try `merrow init", "init md"),
    ("cluster init cron", "choose slurm, pbs or lsf", "cluster init slurm --out new.yaml"),
    (
        "cluster init slurm --out old.yaml",
        "name another file with --out",
        "cluster init slurm --out new.yaml",
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_what_is_recommended_is_taken(merrow, row):
    Path("empty").mkdir()
    Path("old.yaml").write_text("of somebody else")
    for name in ("one", "two"):
        finished(name, -4.9, 0.3)
    campaign("set", {"m1": (-1.0, 0.1)})
    wrong, remedy, right = row
    answer = merrow(*wrong.split())
    assert answer.code == 2, answer
    assert remedy in answer.err.splitlines()[-1]
    answer = merrow(*right.split())
    assert answer.code == 0, answer.err
