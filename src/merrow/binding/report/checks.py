# SPDX-License-Identifier: MIT
"""Are there enough independent frames for an error of a mean?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from merrow.free_energy.stored import Verdict, verdict
from merrow.uncertainty import Mean

FEWEST_FRAMES: Final = 20
"""Minimum number of independent frames for a reliable error."""


def judge_frames(name: str, means: Iterable[Mean]) -> Verdict:
    """Check the number of independent frames of the poorest mean.

    Args:
        name: Name of what was averaged.
        means: The means.
    """
    fewest = min(means, key=lambda q: q.n_frames / q.inefficiency)
    independent = fewest.n_frames / fewest.inefficiency
    enough = independent >= FEWEST_FRAMES
    return verdict(
        f"independent frames, {name}",
        enough,
        f"About {independent:.0f} of {fewest.n_frames} frames are independent.",
        "" if enough else f"below {FEWEST_FRAMES} an error is a guess: sample longer",
    )
