# SPDX-License-Identifier: MIT
"""Progress reporting and the JSON results that the public functions share."""

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
"""True shows progress on stderr, False does not; a function receives every `merrow.Progress`."""


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
    """The result of a job, as its command prints it with `--json`.

    Attributes:
        title: Heading of the table.
        data: All results, by the keys of the JSON.
        rows: Rows of the table.
        folder: Folder of the files and the report; None if nothing was written.
    """

    title: str
    data: Mapping[str, Any]
    rows: tuple[Mapping[str, object], ...]
    folder: Path | None = None

    def __getitem__(self, key: str) -> Any:
        """Return the value of a key of the JSON."""
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
