# SPDX-License-Identifier: MIT
"""How long may an answer be? Fifteen lines of eighty columns, of every command, and all of it."""

from __future__ import annotations

import re
from collections import Counter

LINES, COLUMNS = 15, 80
NUMBER = re.compile(r"[−-]?\d+(?:\.\d+)?")


def assert_short(answer, *words, code=0):
    """Assert a short answer with all of these words, whatever line they are on; return it."""
    assert answer.code == code, answer.err
    lines = answer.out.splitlines()
    assert len(lines) <= LINES, answer.out
    assert max(map(len, lines), default=0) <= COLUMNS, answer.out
    one = " ".join(answer.out.split())
    for word in words:
        assert word in one, answer.out
    return one


def assert_fuller(short, full, *words):
    """Assert that what was asked with --full has all of the short answer, and what that left out.

    Args:
        short, full: The answers.
        words: What the full answer says, whatever line it is on.
    """
    assert (full.code, short.code) == (0, 0), full.err
    assert "--full" not in full.out, full.out
    kept = [line for line in short.out.splitlines() if "--full" not in line]
    whole = re.sub(r"\S*…", "", "\n".join(kept))  # a number that is cut is none
    missing = Counter(NUMBER.findall(whole)) - Counter(NUMBER.findall(full.out))
    assert not missing, (missing, short.out, full.out)
    if "--full" in short.out:
        assert len(full.out.splitlines()) > len(kept), full.out
    one = " ".join(full.out.split())
    for word in words:
        assert word in one, full.out
