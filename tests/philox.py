# SPDX-License-Identifier: MIT
"""Philox4x32-10 in plain Python, as its authors define it (10.1145/2063384.2063405)."""

from __future__ import annotations

from collections.abc import Sequence


def philox(counter: Sequence[int], key: Sequence[int]) -> list[int]:
    """Return four numbers of 32 bits."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [
            (second >> 32) ^ c[1] ^ k[0],
            second & 0xFFFFFFFF,
            (first >> 32) ^ c[3] ^ k[1],
            first & 0xFFFFFFFF,
        ]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def uniform(high: int, low: int) -> float:
    """Return a number in [0, 1) from 64 bits."""
    return ((high << 32 | low) >> 11) * 2.0**-53
