# SPDX-License-Identifier: MIT
"""Which skipped tests are expected? Those that `expected_skips.txt` names, each for its reason."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

LIST = Path(__file__).with_name("expected_skips.txt")
WHEN = ("without-shared", "anywhere")


class Expected(NamedTuple):
    """One line of the list: when a test, or all tests of a file, may skip, and why."""

    when: str
    test: str
    why: str

    def covers(self, test: str) -> bool:
        """Return whether a test is the named one, one of its cases, or one of the named file."""
        return test == self.test or test.startswith((f"{self.test}[", f"{self.test}::"))


@cache
def expected_skips(path: Path = LIST) -> tuple[Expected, ...]:
    """Return the lines of the list."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return tuple(
        Expected(*line.split(maxsplit=2)) for line in lines if line and not line.startswith("#")
    )


def forbidden_skip(
    test: str, reason: object, shared: bool, expected: tuple[Expected, ...] | None = None
) -> str | None:
    """Return what is wrong with a skip, or None where the list expects it.

    Args:
        test: The test as pytest names it, or the file that skips itself.
        reason: Why it was skipped.
        shared: Whether the shared folder is here.
        expected: The list; None reads the file.
    """
    for entry in expected_skips() if expected is None else expected:
        if entry.covers(test) and (entry.when == "anywhere" or not shared):
            return None
    where = "with" if shared else "without"
    return (
        f"{test} was skipped {where} the shared folder, and {LIST.name} does not expect that: "
        f"{reason}"
    )
