# SPDX-License-Identifier: MIT
"""How long may an answer be? Fifteen lines of eighty columns, of every command."""

from __future__ import annotations

LINES, COLUMNS = 15, 80


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
