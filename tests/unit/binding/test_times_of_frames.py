# SPDX-License-Identifier: MIT
"""Does the table of a long trajectory tell its frames apart?"""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np

from merrow.binding.report.tables import series_table


def test_every_frame_of_a_long_trajectory_has_its_own_time():
    times = np.array([0.0, 0.1 + 1e-8, 100_000.25, 100_000.5, 1_234_567.125, 12_345_678.0])
    run = SimpleNamespace(name="md.nc", times=times, span=1.0, rmsd={"backbone": np.ones(6)})
    rows = list(csv.DictReader(series_table(SimpleNamespace(runs=[run])).splitlines()))
    assert [row["time_ps"] for row in rows] == [
        "0", "0.1", "100000.25", "100000.5", "1234567.125", "12345678",
    ]  # fmt: skip
    assert {row["backbone"] for row in rows} == {"1.0000"}
