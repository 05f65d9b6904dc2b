# SPDX-License-Identifier: MIT
"""Which molecules does an SDF of a data set hold? Its records as text, by name."""

from __future__ import annotations

from pathlib import Path

END = "$$$$\n"


def records(path: Path) -> dict[str, str]:
    """Return the text of each record by the name in its first line."""
    texts = (text + END for text in path.read_text().split(END) if text.strip())
    return {text.split("\n", 1)[0].strip(): text for text in texts}
