# SPDX-License-Identifier: MIT
"""How does a folder of results appear whole or not at all? Made beside, renamed when done."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlmm.errors import InputError


def check_new(out: Path) -> None:
    """Refuse a folder that holds something.

    Raises:
        InputError: It is a file, or it is not empty.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} is not an empty folder; choose another --out.")


@contextmanager
def draft(out: Path) -> Iterator[Path]:
    """Give a hidden folder beside `out`, which takes its name at the end.

    After a failure it stays, since programs left their logs there; after bad input it goes. The
    same command begins anew in either case.
    """
    scratch = out.with_name(f".{out.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        yield scratch
    except InputError:
        shutil.rmtree(scratch)
        raise
    if out.exists():
        out.rmdir()
    scratch.rename(out)
