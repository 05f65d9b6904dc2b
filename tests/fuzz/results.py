# SPDX-License-Identifier: MIT
"""The table of the three campaigns, `benchmarks/results/fuzz.json`: tried, found, mended.

    python tests/fuzz/results.py --doors FOLDER --energies FOLDER --guided FOLDER

The folders are those that `campaign.py`, `energies.py` and `guided.py` were given. Inputs of
findings are tried once more: what is taken or refused now is mended.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import campaign
import energies
from seeds import TESTS

sys.path.append(str(TESTS.parent / "benchmarks"))
from common import save


def main() -> int:
    """Write the table; the exit code tells whether a finding is open."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("doors", "energies", "guided"):
        parser.add_argument(f"--{name}", type=Path, required=True, help=f"folder of {name}")
    asked = parser.parse_args()
    doors, energy = campaign.table(asked.doors), energies.table(asked.energies)
    guided: dict[str, Any] = json.loads((asked.guided / "guided.json").read_text())
    found = {
        "cases": doors["cases"] + energy["cases"] + sum(row["cases"] for row in guided.values()),
        "with_an_energy_compared": energy["cases"],
        "doors": doors,
        "energies": energy,
        "guided_by_coverage": guided,
    }
    save("fuzz", found)
    still = [row["open"] for row in (*doors["doors"].values(), *energy["kinds"].values())]
    return int(any(still) or any(row["found"] for row in guided.values()))


if __name__ == "__main__":
    sys.exit(main())
