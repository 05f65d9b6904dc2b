# SPDX-License-Identifier: MIT
"""Are the ensembles of one request told apart?"""

from __future__ import annotations

from pathlib import Path

from merrow.binding.ensembles import distinct_names


def test_trajectories_of_one_name_are_told_apart_by_their_folders():
    paths = [Path("a/ml.nc"), Path("b/mm.nc"), Path("ml/run.nc"), Path("mm/run.nc")]
    assert distinct_names(paths[:2]) == ["ml.nc", "mm.nc"]
    assert distinct_names(paths[2:]) == ["ml/run.nc", "mm/run.nc"]
    alike = [Path("1/a/run.nc"), Path("2/a/run.nc")]
    assert distinct_names(alike) == [str(path.resolve()) for path in alike]
