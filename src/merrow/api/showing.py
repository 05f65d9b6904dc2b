# SPDX-License-Identifier: MIT
"""What the functions share: who receives progress, and results that a job returns as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merrow.progress import Listener, silent
from merrow.report.notebook import html_table
from merrow.report.progress_line import ProgressLine

if TYPE_CHECKING:
    import pandas as pd

Told = bool | Listener
"""Who receives progress: True shows a line on stderr, False nothing; or a function that is called
with every `merrow.Progress`."""


@contextmanager
def listener(progress: Told) -> Iterator[Listener]:
    """Yield the function that receives progress."""
    if callable(progress):
        yield progress
    elif progress:
        with ProgressLine() as line:
            yield line.listen
    else:
        yield silent


@dataclass(frozen=True)
class JobResult:
    """What a job found, as the command of its name prints it with `--json`.

    Attributes:
        title: What it is of.
        data: All that was found, by the keys of the JSON.
        rows: The numbers of the table, one mapping for each row.
        folder: Where files and the page are; None where nothing was written.
    """

    title: str
    data: Mapping[str, Any]
    rows: tuple[Mapping[str, object], ...]
    folder: Path | None = None

    def __getitem__(self, key: str) -> Any:
        """Return what was found under a key of the JSON."""
        return self.data[key]

    def to_json(self) -> str:
        """Return the JSON that the command prints."""
        return json.dumps(self.data, indent=2, allow_nan=False) + "\n"

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers as a table."""
        import pandas as pd  # noqa: PLC0415

        return pd.DataFrame(list(self.rows))

    def _repr_html_(self) -> str:
        return html_table(self.title, self.to_frame())


def quantities(found: Mapping[str, Any], prefix: str = "") -> Iterator[dict[str, object]]:
    """Yield a row for each number with its error in nested JSON, named by its keys."""
    for key, value in found.items():
        if isinstance(value, Mapping) and "value" in value and "stderr" in value:
            yield {"quantity": f"{prefix}{key}", "value": value["value"], "stderr": value["stderr"]}
        elif isinstance(value, Mapping):
            yield from quantities(value, f"{prefix}{key}.")
