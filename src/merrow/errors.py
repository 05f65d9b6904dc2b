# SPDX-License-Identifier: MIT
"""Exceptions: bad input, unsupported physics, numerical failure, a missing component."""

from __future__ import annotations


class MerrowError(Exception):
    """A failure that the user can act on; the CLI prints its message without a traceback."""

    exit_code = 1


class InputError(MerrowError):
    """Wrong input; the message says what, where (file, key, atom) and what to do."""

    exit_code = 2


class UnsupportedPhysicsError(InputError):
    """A valid request that the method cannot compute correctly, so it is refused."""


class MissingComponentError(InputError):
    """A program or a weights file is missing; the message says how to get it."""


class NumericsError(MerrowError):
    """A simulation or an estimate gave numbers that are not finite."""


class IncompleteError(MerrowError):
    """Work stopped cleanly before it was done; run the same command again to resume."""

    exit_code = 3


def first_line(error: object) -> str:
    """Return the first line of an error or of a program's output, without its full stop."""
    return (str(error).strip().splitlines() or ["no message"])[0].rstrip(".")
