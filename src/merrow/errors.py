# SPDX-License-Identifier: MIT
"""What can go wrong, by whose hand: the user's input, the physics, the numbers, a missing part."""

from __future__ import annotations


class MerrowError(Exception):
    """A failure that the user can act on; the CLI prints its one sentence and no traceback."""

    exit_code = 1


class InputError(MerrowError):
    """What was given is wrong; the message says what, where (file, key, atom) and what to do."""

    exit_code = 2


class UnsupportedPhysicsError(InputError):
    """What was asked is clear, but the method cannot do it correctly, so it is refused."""


class MissingComponentError(InputError):
    """A program or a file of weights is not here; the message says how to get it."""


class NumericsError(MerrowError):
    """A simulation or an estimate left the realm of finite numbers."""


class IncompleteError(MerrowError):
    """Work stopped cleanly before it was done; run the same command again to resume."""

    exit_code = 3


def first_line(error: object) -> str:
    """Return the first line of what an error or a program says, without its full stop."""
    return (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
