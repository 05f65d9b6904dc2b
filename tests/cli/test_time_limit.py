# SPDX-License-Identifier: MIT
"""Is a time read as people write it?"""

from __future__ import annotations

import pytest

from merrow.errors import InputError
from merrow.hydration.asked import minutes_of


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("90", 90),
        ("45m", 45),
        ("45 min", 45),
        ("12h", 720),
        ("2d", 2880),
        ("30s", 0.5),
        ("1.5H", 90),
    ],
)
def test_minutes_hours_and_days_are_understood(text, minutes):
    assert minutes_of(text) == pytest.approx(minutes)


@pytest.mark.parametrize("text", ["", "h", "-3", "1:30", "2 weeks", "0", "nan"])
def test_what_is_no_time_is_refused(text):
    with pytest.raises(InputError, match="is not a time"):
        minutes_of(text)
