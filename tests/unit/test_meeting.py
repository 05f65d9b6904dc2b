# SPDX-License-Identifier: MIT
"""Do processes that share work wait for each other, see the same, and notice one that left?"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from merrow.meeting import LeftError, Meeting

POINTS = 30


def together(folder, size, do):
    """Let so many threads, which know nothing of each other, do the same."""
    with ThreadPoolExecutor(size) as pool:
        return [
            one.result(timeout=120)
            for one in [pool.submit(do, Meeting(folder, size, k)) for k in range(size)]
        ]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_all_see_what_each_showed_at_every_point(tmp_path, size):
    def do(meeting):
        random = np.random.default_rng(meeting.place)
        return [
            np.concatenate(meeting.meet(point, random.normal(size=meeting.place + 1)))
            for point in range(POINTS)
        ]

    first, *others = together(tmp_path, size, do)
    assert {len(seen) for seen in first} == {size * (size + 1) // 2}
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_little_is_left_behind(tmp_path):
    together(tmp_path, 3, lambda meeting: [meeting.meet(point) for point in range(POINTS)])
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{POINTS - 1}-{k}.npy" for k in range(3)
    ]


def test_nobody_waits_for_one_that_left(tmp_path):
    def do(meeting):
        meeting.meet(0)
        if meeting.place == 1:
            meeting.leave()
            return "left"
        with pytest.raises(LeftError, match="has left"):
            meeting.meet(1)
        return "told"

    assert together(tmp_path, 3, do) == ["told", "left", "told"]
