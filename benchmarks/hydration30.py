# SPDX-License-Identifier: MIT
"""How far from experiment are 30 hydration free energies, ML/MM and MM, BCC and ABCG2?

A campaign on FreeSolv's 30 molecules at `quick`, compared with experiment and with FreeSolv's
published GAFF values. Resumable: run it again to go on; the results are those found so far.

    python benchmarks/hydration30.py --data ../shared/data/freesolv --runs RUNS --minutes 480
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from machine import save

from merrow.campaign.config import CampaignConfig
from merrow.campaign.driver import ComputeBackend, run_campaign

COLUMNS = {
    "name": "id",
    "class": "cls",
    "expt_kcal": "expt",
    "expt_stderr_kcal": "expt_unc",
    "ref_gaff_kcal": "mobley_calc",
    "ref_gaff_stderr_kcal": "calc_unc",
}


def main() -> None:
    """Go on with the campaign and write `results/hydration30.json`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with hydration30.csv")
    parser.add_argument("--runs", type=Path, required=True, help="the campaign's folder")
    parser.add_argument("--minutes", type=float, help="stop in good order after so long")
    parser.add_argument("--workers", type=int, help="runs at a time")
    parser.add_argument("--charges", default="bcc,abcg2", help="charge models")
    options = parser.parse_args()
    config = CampaignConfig(
        table="hydration30.csv", columns=COLUMNS, charges=tuple(options.charges.split(","))
    )
    result = run_campaign(
        config,
        options.runs,
        base=options.data.resolve(),
        backend=ComputeBackend(workers=options.workers, minutes=options.minutes),
        listen=lambda sentence: print(sentence, file=sys.stderr),
    )
    data = asdict(result.data)
    kept = ("potential", "protocol", "rows", "comparisons", "pairs", "classes", "expt_stderr_kcal")
    content = {"seed": config.seed, "counts": result.data.counts} | {k: data[k] for k in kept}
    print(json.dumps(result.data.counts), save("hydration30", content))


if __name__ == "__main__":
    main()
