# SPDX-License-Identifier: MIT
"""Output to terminals and files whose encoding lacks some characters, such as Latin-1."""

from __future__ import annotations

import codecs
import io
import sys
from typing import Final

PLAIN: Final = {
    "−": "-", "–": "-", "λ": "lambda", "Δ": "Delta ", "σ": "sigma", "Å": "A", "±": "+-",
    "→": "->", "≤": "<=", "≥": ">=", "·": "*", "…": "...", "²": "^2", "³": "^3", "⟨": "<", "⟩": ">",
}  # fmt: skip
"""What is printed instead; a lost minus would change a number."""


def print_plainly() -> None:
    """Let standard output and error replace the characters that their encoding lacks."""
    codecs.register_error("merrow.plain", _plain)
    for stream in (sys.stdout, sys.stderr):  # None, or another class, in some programs
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "backslashreplace"):
            stream.reconfigure(errors="merrow.plain")


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in lost), error.end
