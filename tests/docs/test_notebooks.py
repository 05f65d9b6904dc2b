# SPDX-License-Identifier: MIT
"""Do the notebooks run from their first cell to their last?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tiny_settings import TINY

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples" / "notebooks").glob("*.ipynb"))
SHORT = {
    "potential": "tiny-ani",
    "settings": TINY,
    "files": str(ROOT / "tests" / "data" / "systems"),
    "lengths": {
        **{"minimisation": 5, "equilibration_ps": 0.04, "length_ps": 0.016, "chunk_ps": 0.008},
        "frame_interval_ps": 0.004,
    },
}
"""What takes the place of a notebook's own parameters, where it has them."""


TIMES = [1.0, 2.0, 3.0]
"""ps"""


@pytest.mark.slow  # five kernels, some sampling
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, tmp_path: Path) -> None:
    import nbformat  # noqa: PLC0415
    from nbclient import NotebookClient  # noqa: PLC0415

    notebook = nbformat.read(path, as_version=4)
    (own,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    own.source += "".join(f"\n{k} = {v!r}" for k, v in SHORT.items() if f"{k} = " in own.source)
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()


def test_there_are_five_without_outputs_of_somebodys_machine() -> None:
    assert len(NOTEBOOKS) == 5
    for path in NOTEBOOKS:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells), path.name
        prose = [line for c in cells if c["cell_type"] == "markdown" for line in c["source"]]
        assert sum(len(line) for line in prose) < 2000, f"{path.name} is a page, not a notebook"
        links = re.findall(r"\]\(([^)\s]+)\)", "".join(prose))
        assert all((path.parent / link).is_file() for link in links), path.name


def test_first_and_last_parts_of_the_data_are_those_of_time() -> None:
    """alchemlyb takes rows as they come; repeats follow each other in the table."""
    path = ROOT / "examples" / "notebooks" / "2-overlap-and-convergence.ipynb"
    cells = [c["source"] for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    (source,) = [lines for lines in cells if any("forward_backward" in line for line in lines)]
    states = ((1.0, 1.0), (0.0, 0.0))
    rows = [(time, *state) for _ in ("one repeat", "another") for state in states for time in TIMES]
    index = pd.MultiIndex.from_tuples(rows, names=["time", "coul-lambda", "vdw-lambda"])
    known = {"u_nk": pd.DataFrame(np.zeros((len(rows), 2)), index)}
    exec("".join(source).split("drift =")[0], known)
    for rows_of_state in known["states"]:
        times = rows_of_state.index.get_level_values("time")
        assert list(times) == sorted(TIMES * 2)
